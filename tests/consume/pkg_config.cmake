include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

install_into("${WORK_DIR}/first place")
file(RENAME "${WORK_DIR}/first place" "${WORK_DIR}/second place")
set(ENV{PKG_CONFIG_PATH} "${WORK_DIR}/second place/share/pkgconfig")

# A path with a space in it is written as the shell reads it.
function(flags_of package variable)
    execute_process(
        COMMAND pkg-config --cflags --libs "${package} = ${VERSION}" OUTPUT_VARIABLE flags ERROR_VARIABLE error
        RESULT_VARIABLE result
    )
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "${error}")
    endif()
    separate_arguments(flags UNIX_COMMAND "${flags}")
    set("${variable}" "${flags}" PARENT_SCOPE)
endfunction()

set(program "${CMAKE_CURRENT_LIST_DIR}/program")
flags_of(syncopate flags)
run("${COMPILER}" -std=c++20 "${program}/single.cpp" -o "${WORK_DIR}/consumer" ${flags})
run("${WORK_DIR}/consumer")
if(flags MATCHES "ssl")
    message(FATAL_ERROR "The core alone must not need OpenSSL: ${flags}")
endif()

if(HTTP)
    flags_of(syncopate-http flags)
    run("${COMPILER}" -std=c++20 "${program}/libraries.cpp" -o "${WORK_DIR}/http_consumer" ${flags})
    run("${WORK_DIR}/http_consumer")
endif()
