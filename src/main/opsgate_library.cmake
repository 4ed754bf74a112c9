# libopsgate as others link it: one archive and one shared library, each with all that it needs of our own, and with no name
# but opsgate_* that could meet another in somebody's program. Nothing here under a sanitizer, whose runtime a program that
# links the library would have to bring along; the rooms are tested under it themselves.
if(OPS_SANITIZE)
    return()
endif()

include(GNUInstallDirs)

# What goes into it. Without visible names the compiler need not expect that somebody replaces a function, so that code that
# can be loaded anywhere is as fast as code that can't; the program is made of the same objects.
set(opsgate_rooms ops_gate_library ops_gate ops_gate_adapters ops_aws ops_curl ops_local ops_sys ops_ports ops_base)
set_target_properties(${opsgate_rooms} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
foreach(room IN LISTS opsgate_rooms)
    list(APPEND opsgate_archives $<TARGET_FILE:${room}>)
endforeach()

# The functions of the header, from which the linker follows what else is needed.
set(opsgate_header ${PROJECT_SOURCE_DIR}/include/opsgate.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${opsgate_header})
file(STRINGS ${opsgate_header} opsgate_declarations REGEX "^OPSGATE_API ")
foreach(declaration IN LISTS opsgate_declarations)
    string(REGEX MATCH "opsgate_[a-z_]+\\(" function "${declaration}")
    string(REPLACE "(" "" function "${function}")
    list(APPEND opsgate_roots -Wl,-u,${function})
endforeach()

set(opsgate_whole ${CMAKE_CURRENT_BINARY_DIR}/opsgate_whole.o)
set(opsgate_object ${CMAKE_CURRENT_BINARY_DIR}/opsgate.o)
add_custom_command(OUTPUT ${opsgate_object}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${opsgate_whole} ${opsgate_roots}
            -Wl,--start-group ${opsgate_archives} -Wl,--end-group
    COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=opsgate_*" ${opsgate_whole} ${opsgate_object}
    DEPENDS ${opsgate_rooms}
    BYPRODUCTS ${opsgate_whole}
    COMMENT "Joining libopsgate"
    VERBATIM)

# Both are made from that one object.
set_source_files_properties(${opsgate_object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
add_custom_target(opsgate_joined DEPENDS ${opsgate_object})
add_library(opsgate_static STATIC ${opsgate_object})
add_library(opsgate_shared SHARED ${opsgate_object})
foreach(library opsgate_static opsgate_shared)
    add_dependencies(${library} opsgate_joined)
    set_target_properties(${library} PROPERTIES
        OUTPUT_NAME opsgate
        LINKER_LANGUAGE C
        ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endforeach()
set_target_properties(opsgate_shared PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION 1
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/opsgate.map)
target_link_libraries(opsgate_shared PRIVATE
    PkgConfig::CURL PkgConfig::JANSSON PkgConfig::CRYPTO PkgConfig::SQLITE PkgConfig::EXPAT Threads::Threads)
# It stays when it is unloaded: threads that have checked call back into it when they end.
target_link_options(opsgate_shared PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/opsgate.map -Wl,-z,defs -Wl,-z,nodelete)

add_custom_target(opsgate DEPENDS opsgate_static opsgate_shared)

# cmake --install BUILD --component opsgate --prefix PREFIX; tools/install installs the program. The .pc file finds its
# prefix by where it is itself, so that it is right wherever it was installed.
file(RELATIVE_PATH OPSGATE_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" OPSGATE_PC_TO_PREFIX "${OPSGATE_PC_TO_PREFIX}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/opsgate.pc.in ${CMAKE_CURRENT_BINARY_DIR}/opsgate.pc @ONLY)
install(FILES ${opsgate_header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT opsgate)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/opsgate.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT opsgate)
install(TARGETS opsgate_static opsgate_shared COMPONENT opsgate
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
