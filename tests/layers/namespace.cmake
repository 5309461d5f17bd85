# cmake -D INCLUDE_DIR=<...>/include -D NAMESPACE=v0_1 -P namespace.cmake
#
# Fails where a header opens the namespace of the library without the inline one of its version.
cmake_minimum_required(VERSION 3.25)

set(problems "")
file(GLOB_RECURSE headers RELATIVE "${INCLUDE_DIR}/syncopate" "${INCLUDE_DIR}/syncopate/*.hpp")
foreach(header IN LISTS headers)
    file(STRINGS "${INCLUDE_DIR}/syncopate/${header}" lines REGEX "^namespace syncopate")
    foreach(line IN LISTS lines)
        if(NOT line MATCHES "^namespace syncopate::inline ${NAMESPACE}(::[a-z_:]+)? {")
            list(APPEND problems "${header}: ${line}")
        endif()
    endforeach()
endforeach()
if(problems OR NOT headers)
    list(JOIN problems "\n  " problems)
    message(FATAL_ERROR "Not in syncopate::inline ${NAMESPACE}:\n  ${problems}\n")
endif()
