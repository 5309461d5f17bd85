# Only for those who work on the library itself: consumers never come here.

# The tests are many, each includes all of Asio, and most edits touch few of them.
find_program(SYNCOPATE_CCACHE ccache)
mark_as_advanced(SYNCOPATE_CCACHE)
if(SYNCOPATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${SYNCOPATE_CCACHE}")
endif()

option(SYNCOPATE_TEST_COMPILED "Test the library as syncopate::compiled, and not by its headers alone")

# syncopate_link(TARGET LIBRARY): links what is tested, in the form in which it is tested.
function(syncopate_link target library)
    target_link_libraries("${target}" PRIVATE "${library}")
    if(SYNCOPATE_TEST_COMPILED AND library STREQUAL "syncopate::http")
        target_link_libraries("${target}" PRIVATE syncopate::compiled)
    elseif(SYNCOPATE_TEST_COMPILED)
        target_link_libraries("${target}" PRIVATE syncopate::compiled_core)
    endif()
endfunction()

# With Clang only: GCC 12 fails on http.hpp when it has parsed it before. Who misses an include hears of it from
# another compiler.
option(SYNCOPATE_PRECOMPILE "Parse the library once for all tests and examples, with Clang")

# syncopate_precompile(TARGET LIBRARY)
function(syncopate_precompile target library)
    if(NOT SYNCOPATE_PRECOMPILE OR NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        return()
    endif()
    set(headers <syncopate/syncopate.hpp>)
    if(library STREQUAL "syncopate::http")
        list(APPEND headers <syncopate/http.hpp> <syncopate/http/websocket.hpp>)
    endif()
    string(MAKE_C_IDENTIFIER "precompiled_${library}" precompiled)
    if(NOT TARGET "${precompiled}")
        set(empty "${PROJECT_BINARY_DIR}/${precompiled}.cpp")
        file(CONFIGURE OUTPUT "${empty}" CONTENT "")
        add_library("${precompiled}" OBJECT "${empty}")
        syncopate_link("${precompiled}" "${library}")
        # ccache compares what is in the files, and Clang would compare their times.
        target_compile_options("${precompiled}" PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
        target_precompile_headers("${precompiled}" PRIVATE ${headers})
    endif()
    target_precompile_headers("${target}" REUSE_FROM "${precompiled}")
endfunction()

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
