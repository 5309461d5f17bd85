# cmake -D COMPILER=<c++> -D INCLUDE_DIR=<dir> -D WORK_DIR=<dir> -P requirements.cmake
#
# Whoever lacks what the library needs is told so by one #error of ours, before the compiler finds anything else.
cmake_minimum_required(VERSION 3.22)

set(ENV{LC_ALL} C)
file(WRITE "${WORK_DIR}/old/boost/version.hpp" "#define BOOST_VERSION 107400\n")
file(WRITE "${WORK_DIR}/old/asio/version.hpp" "#define ASIO_VERSION 102201\n")
file(WRITE "${WORK_DIR}/new/asio/version.hpp" "#define ASIO_VERSION 103002\n")
file(WRITE "${WORK_DIR}/none/version" "")
set(header "${INCLUDE_DIR}/syncopate/detail/error/requirements.hpp")
set(problems "")

# refused(MESSAGE FLAG…); without a message the compiler must have nothing to say.
function(refused message)
    execute_process(
        COMMAND "${COMPILER}" -std=c++20 -w ${ARGN} -fsyntax-only -x c++ "${header}" RESULT_VARIABLE result
        OUTPUT_VARIABLE output ERROR_VARIABLE output
    )
    string(REGEX MATCHALL "error: [^\n]*" errors "${output}")
    list(LENGTH errors count)
    if(message STREQUAL "" AND result EQUAL 0)
        return()
    elseif(count EQUAL 1 AND errors MATCHES "${message}")
        return()
    endif()
    list(APPEND problems "With ${ARGN} it should say \"${message}\", and says: ${output}")
    set(problems "${problems}" PARENT_SCOPE)
endfunction()

set(old_gcc -U__clang__ -U__GNUC__ -D__GNUC__=11)
set(old_clang -U__clang__ -D__clang__=1 -U__clang_major__ -D__clang_major__=15)
set(standalone -DSYNCOPATE_ASIO_STANDALONE)
refused("")
refused("" ${standalone} "-I${WORK_DIR}/new")
refused("C\\+\\+20: compile with" -std=c++17)
refused("do not compile with -fno-exceptions" -fno-exceptions)
refused("needs coroutines" -U__cpp_impl_coroutine -U__cpp_coroutines)
refused("GCC 12 or newer" ${old_gcc})
refused("Clang 16 or newer" ${old_clang})
refused("Boost 1.81 or newer" "-I${WORK_DIR}/old")
refused("install them .Debian" -nostdinc "-I${WORK_DIR}/none")
refused("do not define BOOST_ASIO_DISABLE_THREADS" -DBOOST_ASIO_DISABLE_THREADS)
refused("install libasio-dev" ${standalone} -nostdinc "-I${WORK_DIR}/none")
refused("Asio 1.26 or newer" ${standalone} "-I${WORK_DIR}/old")
refused("do not define ASIO_DISABLE_THREADS" ${standalone} -DASIO_DISABLE_THREADS "-I${WORK_DIR}/new")
refused("do not define ASIO_ENABLE_BOOST" ${standalone} -DASIO_ENABLE_BOOST "-I${WORK_DIR}/new")
# A library's version alone: nothing of it is there.
set(nothing -nostdinc "-I${WORK_DIR}/none" "-I${WORK_DIR}/new" ${standalone})
refused("libstdc\\+\\+ 12 or newer" ${nothing} -D_GLIBCXX_RELEASE=11)
refused("libc\\+\\+ 18 or newer" ${nothing} -D_LIBCPP_VERSION=170006)
refused("-fexperimental-library" ${nothing} -D_LIBCPP_VERSION=190107 -D_LIBCPP_HAS_NO_EXPERIMENTAL_STOP_TOKEN)
refused("" ${nothing} -D_LIBCPP_VERSION=190107)

if(problems)
    list(JOIN problems "\n" problems)
    message("${problems}")
    message(FATAL_ERROR "A requirement that is not met is not told as it should be.")
endif()
