# cmake -D SOURCE=<file> -D COMPILER=<c++> -D FLAGS=<flags> -D INCLUDE_DIR=<dir>
#       -D SYSTEM_INCLUDE_DIRS=<dirs> [-D PARSED_HEADER=<file>] -P check.cmake
#
# The source states what the compiler has to say, in lines of this form, each a regular expression:
#   // expected-error: constraints
cmake_minimum_required(VERSION 3.25)

separate_arguments(command UNIX_COMMAND "${FLAGS}")
list(PREPEND command "${COMPILER}")
list(APPEND command "-I${INCLUDE_DIR}")
foreach(dir IN LISTS SYSTEM_INCLUDE_DIRS)
    # Naming this one reorders the standard library's own search.
    if(NOT dir STREQUAL "/usr/include")
        list(APPEND command -isystem "${dir}")
    endif()
endforeach()

# Not for one that defines something before it includes the library.
file(STRINGS "${SOURCE}" defines REGEX "^#define ")
if(PARSED_HEADER AND NOT defines)
    list(APPEND command -include "${PARSED_HEADER}")
endif()

# Reports are compared in English.
set(ENV{LC_ALL} C)

# The compiler's words first: message(FATAL_ERROR) would break their lines anew.
function(stop reason)
    message("${output}")
    message(FATAL_ERROR "${reason}")
endfunction()

execute_process(
    COMMAND ${command} -DCONTROL "${SOURCE}" RESULT_VARIABLE result OUTPUT_VARIABLE output
    ERROR_VARIABLE output
)
if(NOT result EQUAL 0)
    stop("The control, which should compile, does not.")
endif()

execute_process(
    COMMAND ${command} "${SOURCE}" RESULT_VARIABLE result OUTPUT_VARIABLE output
    ERROR_VARIABLE output
)
if(result EQUAL 0)
    message(FATAL_ERROR "This compiles, and should not.")
endif()

file(STRINGS "${SOURCE}" expectations REGEX "^// expected-error: ")
if(NOT expectations)
    message(FATAL_ERROR "There is no line \"// expected-error: ...\" in ${SOURCE}")
endif()
foreach(expectation IN LISTS expectations)
    string(REPLACE "// expected-error: " "" expectation "${expectation}")
    if(NOT output MATCHES "${expectation}")
        stop("The compiler does not say: ${expectation}")
    endif()
endforeach()

# One error, and it points at the user's line: nobody should have to read what is below it.
string(REGEX MATCHALL "[^\n]*error: [^\n]*" errors "${output}")
list(LENGTH errors count)
if(NOT count EQUAL 1)
    stop("There is not one error, but ${count}.")
endif()
file(STRINGS "${SOURCE}" is_in_header REGEX "^// The error stands in a header")
string(FIND "${errors}" "${SOURCE}:" at)
if(NOT at EQUAL 0 AND NOT is_in_header)
    stop("The error is not in the user's file.")
endif()
