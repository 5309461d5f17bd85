include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

# The two lines of docs/install.md.
set(module "${WORK_DIR}/syncopate.pcm")
set(flags -std=c++20 -pthread "-I${CHECKOUT}/include")
foreach(dir IN LISTS BOOST_INCLUDE_DIRS)
    if(NOT dir STREQUAL "/usr/include")
        list(APPEND flags -isystem "${dir}")
    endif()
endforeach()
run("${COMPILER}" ${flags} --precompile "${CHECKOUT}/modules/syncopate.cppm" -o "${module}")
run(
    "${COMPILER}" ${flags} "-fmodule-file=syncopate=${module}" "${CMAKE_CURRENT_LIST_DIR}/program/module.cpp"
    "${module}" -o "${WORK_DIR}/consumer"
)
run("${WORK_DIR}/consumer")
