# The newest Clang that is installed. The plain clang++ of a distribution can be older than what the
# library needs (Debian 12: 14), so the numbered names come first.
# The environment variable SYNCOPATE_CLANG (a name or a path) chooses one.
set(syncopate_clang_minimum 16)

if(NOT CMAKE_CXX_COMPILER)
    set(syncopate_clang_names "")
    foreach(version RANGE 30 ${syncopate_clang_minimum} -1)
        list(APPEND syncopate_clang_names clang++-${version})
    endforeach()
    if(NOT "$ENV{SYNCOPATE_CLANG}" STREQUAL "")
        set(syncopate_clang_names "$ENV{SYNCOPATE_CLANG}")
    endif()

    find_program(CMAKE_CXX_COMPILER NAMES ${syncopate_clang_names} clang++ NO_CACHE)
    if(NOT CMAKE_CXX_COMPILER)
        message(FATAL_ERROR "No Clang was found. Debian: apt-get install clang-${syncopate_clang_minimum}\n")
    endif()

    execute_process(
        COMMAND "${CMAKE_CXX_COMPILER}" -dumpversion OUTPUT_VARIABLE syncopate_clang_version
        OUTPUT_STRIP_TRAILING_WHITESPACE
    )
    if(syncopate_clang_version VERSION_LESS syncopate_clang_minimum)
        message(
            FATAL_ERROR
                "${CMAKE_CXX_COMPILER} is Clang ${syncopate_clang_version}; syncopate needs "
                "${syncopate_clang_minimum} or newer. Debian: apt-get install "
                "clang-${syncopate_clang_minimum}\n"
        )
    endif()
endif()
