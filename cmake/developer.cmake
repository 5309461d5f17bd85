# Only for those who work on the library itself: consumers never come here.

# The tests are many, each includes all of Asio, and most edits touch few of them.
find_program(SYNCOPATE_CCACHE ccache)
mark_as_advanced(SYNCOPATE_CCACHE)
if(SYNCOPATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${SYNCOPATE_CCACHE}")
endif()

enable_testing()

if(SYNCOPATE_BUILD_EXAMPLES)
    add_subdirectory(examples)
endif()

if(SYNCOPATE_BUILD_TESTS)
    add_subdirectory(tests)
endif()

if(SYNCOPATE_BUILD_BENCHMARKS)
    add_subdirectory(tests/bench)
endif()

if(SYNCOPATE_BUILD_FUZZERS)
    add_subdirectory(tests/fuzz)
endif()
