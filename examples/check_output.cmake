# Runs a program, and fails unless it succeeds and prints exactly what is expected.
#
#   cmake -D program=<path> -D expected=<text file> -P check_output.cmake

execute_process(COMMAND "${program}" OUTPUT_VARIABLE output RESULT_VARIABLE status)
file(READ "${expected}" expected_output)

if(NOT status EQUAL 0)
    message(FATAL_ERROR "It ended with status ${status}, after printing:\n${output}")
endif()
if(NOT output STREQUAL expected_output)
    message(FATAL_ERROR "It should print:\n${expected_output}\nbut printed:\n${output}")
endif()
