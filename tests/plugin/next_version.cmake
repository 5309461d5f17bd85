# Writes what might be the library's next version: its namespace has another name, and two of its classes have grown.
#
#   cmake -D INCLUDE=include -D OUTPUT=folder -P next_version.cmake
cmake_minimum_required(VERSION 3.22)

file(REMOVE_RECURSE "${OUTPUT}")
file(GLOB_RECURSE headers RELATIVE "${INCLUDE}" "${INCLUDE}/*")
foreach(header IN LISTS headers)
    file(READ "${INCLUDE}/${header}" text)
    string(REGEX REPLACE "inline v[0-9]+_[0-9]+" "inline v_next" text "${text}")
    file(WRITE "${OUTPUT}/${header}" "${text}")
endforeach()

function(grow header class)
    file(READ "${OUTPUT}/syncopate/${header}" text)
    string(REGEX REPLACE "(\nclass ${class} [^;{]*{)\npublic:\n" "\\1\n    long of_the_next_version_[16] = {};\n\npublic:\n" grown "${text}")
    if(grown STREQUAL text)
        message(FATAL_ERROR "${header} has no class ${class} that begins with public:")
    endif()
    file(WRITE "${OUTPUT}/syncopate/${header}" "${grown}")
endfunction()
grow(options.hpp Options)
grow(detail/loop/loop.hpp Loop)
