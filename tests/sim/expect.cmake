# Passes only when PROGRAM, a broken simulation, finds that invariant NUMBER is violated, and no other.
if(EXISTS ${ROOT}/does-not-apply)
    file(READ ${ROOT}/does-not-apply why)
    message(FATAL_ERROR "The patch does not apply to the source as it is; renew it.\n${why}")
endif()
math(EXPR wanted "${NUMBER}") # "08" is 8
execute_process(COMMAND ${PROGRAM} --seeds 1000 RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX MATCH "seed [0-9]+, step [0-9]+: invariant ([0-9]+) is violated[^\n]*\n[^\n]*" found "${output}")
if(NOT result EQUAL 1 OR NOT CMAKE_MATCH_1 STREQUAL wanted)
    message(FATAL_ERROR "Invariant ${wanted} should have been violated; exit ${result}: ${found}\n${output}")
endif()
message(STATUS "${found}")
