# The steps of which the consumer tests are made. Each ends the test when it fails.
cmake_minimum_required(VERSION 3.22)

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
# Flags from the outside would hide what a consumer sees.
set(ENV{CXXFLAGS} "")

function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        list(JOIN ARGV " " command)
        # Not in the message below, which would break the lines anew.
        message("${command}\n${output}")
        message(FATAL_ERROR "The command above failed.")
    endif()
endfunction()

set(
    configure_command
    "${CMAKE_COMMAND}" -G "${GENERATOR}" -D "CMAKE_CXX_COMPILER=${COMPILER}"
    -D "CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" -D "Boost_DIR=${BOOST_DIR}"
    -D "SYNCOPATE_CHECKOUT=${CHECKOUT}" -D CMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
)

# Each configuration begins anew. (CMake has --fresh for this from 3.24 on.)
function(forget_configuration)
    file(REMOVE_RECURSE "${WORK_DIR}/build/CMakeCache.txt" "${WORK_DIR}/build/CMakeFiles")
endfunction()

function(configure consumer)
    forget_configuration()
    run(
        ${configure_command} ${ARGN} -S "${CMAKE_CURRENT_LIST_DIR}/${consumer}" -B "${WORK_DIR}/build"
    )
endfunction()

# The configuration must fail, and say this.
function(configure_refused consumer message)
    forget_configuration()
    execute_process(
        COMMAND ${configure_command} ${ARGN} -S "${CMAKE_CURRENT_LIST_DIR}/${consumer}" -B
                "${WORK_DIR}/build" RESULT_VARIABLE result OUTPUT_VARIABLE output
        ERROR_VARIABLE output
    )
    # CMake breaks the lines of its messages.
    string(REGEX REPLACE "[ \n]+" " " text "${output}")
    if(result EQUAL 0 OR NOT text MATCHES "${message}")
        message("${output}")
        message(FATAL_ERROR "The above should have been a refusal that says: ${message}")
    endif()
endfunction()

function(build_and_run)
    run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
    foreach(program IN LISTS ARGV)
        run("${WORK_DIR}/build/${program}")
    endforeach()
endfunction()

function(install_into prefix)
    run("${CMAKE_COMMAND}" --install "${BUILD_TREE}" --prefix "${prefix}")
endfunction()
