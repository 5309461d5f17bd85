# cmake -D PROJECT_DIR=<...> -P check_tests.cmake
#
# Fails when a public header has neither a test of its name nor a line in tests.txt, and when a line there is wrong
# or no longer needed.
cmake_minimum_required(VERSION 3.25)

set(include_dir "${PROJECT_DIR}/include/syncopate")
set(test_dir "${PROJECT_DIR}/tests")
set(problems "")

file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/tests.txt" lines REGEX "^[a-z]")
set(listed "")
foreach(line IN LISTS lines)
    string(REGEX REPLACE "[ \t]+" ";" words "${line}")
    list(GET words 0 header)
    list(GET words 1 test)
    list(APPEND listed "${header}")
    if(NOT EXISTS "${include_dir}/${header}")
        list(APPEND problems "tests.txt: there is no header ${header}")
    endif()
    if(NOT EXISTS "${test_dir}/${test}")
        list(APPEND problems "tests.txt: ${header} is tested by ${test}, which does not exist")
    endif()
endforeach()

file(GLOB headers RELATIVE "${include_dir}" "${include_dir}/*.hpp" "${include_dir}/http/*.hpp")
foreach(header IN LISTS headers)
    set(test "unit/${header}")
    if(header MATCHES "^http/")
        set(test "${header}")
    endif()
    string(REGEX REPLACE "\\.hpp$" ".cpp" test "${test}")

    if(EXISTS "${test_dir}/${test}" AND header IN_LIST listed)
        list(APPEND problems "tests.txt: ${header} has a test of its name, and needs no line")
    elseif(NOT EXISTS "${test_dir}/${test}" AND NOT header IN_LIST listed)
        list(APPEND problems "${header} has no test: neither tests/${test} nor a line in tests/headers/tests.txt")
    endif()
endforeach()

if(problems)
    list(JOIN problems "\n  " problems)
    message(FATAL_ERROR "Headers and tests do not fit together:\n  ${problems}\n")
endif()
