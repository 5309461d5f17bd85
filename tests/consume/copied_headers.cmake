include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

file(COPY "${CHECKOUT}/include" "${CMAKE_CURRENT_LIST_DIR}/program/two_units/" DESTINATION "${WORK_DIR}")
foreach(dir IN LISTS BOOST_INCLUDE_DIRS)
    if(NOT dir STREQUAL "/usr/include")
        list(APPEND boost -isystem "${dir}")
    endif()
endforeach()

run(
    "${COMPILER}" -std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
    "-I${WORK_DIR}/include" ${boost} "${WORK_DIR}/main.cpp" "${WORK_DIR}/answer.cpp" -pthread
    -o "${WORK_DIR}/consumer"
)
run("${WORK_DIR}/consumer")
