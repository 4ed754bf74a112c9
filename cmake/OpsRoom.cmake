# ops_room(<name> SOURCES <file>... [USES <target>...]): a static library for one folder of the house. What it may include
# beyond itself is what it links, so an arrow that points the wrong way does not build.
function(ops_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} PUBLIC ${ROOM_USES})
endfunction()

# ops_test(<name> SOURCES <file>... [USES <target>...] [LABELS <label>...]): a cmocka program that ctest runs.
function(ops_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;USES;LABELS" ${ARGN})
    add_executable(${name} ${TEST_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE ${TEST_USES} PkgConfig::CMOCKA)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT 600)
endfunction()
