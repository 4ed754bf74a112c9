# Copies FILES from SOURCE to ROOT and applies PATCH there. One that does not apply leaves the files whole and a note, and
# fails its test, not everybody's build.
file(REMOVE_RECURSE ${ROOT})
foreach(file ${FILES})
    get_filename_component(folder ${ROOT}/${file} DIRECTORY)
    file(COPY ${SOURCE}/${file} DESTINATION ${folder})
endforeach()
execute_process(COMMAND patch -p1 --batch --fuzz=2 --input ${PATCH} WORKING_DIRECTORY ${ROOT}
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT result EQUAL 0)
    foreach(file ${FILES})
        get_filename_component(folder ${ROOT}/${file} DIRECTORY)
        file(COPY_FILE ${SOURCE}/${file} ${ROOT}/${file})
    endforeach()
    file(WRITE ${ROOT}/does-not-apply "${output}")
endif()
foreach(file ${FILES})
    file(TOUCH_NOCREATE ${ROOT}/${file})
endforeach()
