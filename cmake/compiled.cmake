# syncopate::compiled: what of the library is no template, compiled once, for programs that would rather not compile it in
# each of their units. The build and the installed package both come here: the package has the headers alone, and the
# library is compiled in the project that uses it, with that project's own flags. Nothing is built unless it is linked.
#
# syncopate::compiled_core is the core alone, without what http needs.

function(syncopate_add_compiled target header)
    if(TARGET "${target}")
        return()
    endif()
    set(source "${CMAKE_CURRENT_BINARY_DIR}/${target}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include <${header}>\n" @ONLY)
    add_library("${target}" STATIC EXCLUDE_FROM_ALL "${source}")
    target_link_libraries("${target}" PUBLIC ${ARGN})
    target_compile_definitions("${target}" PUBLIC SYNCOPATE_SEPARATE_COMPILATION)
endfunction()

syncopate_add_compiled(syncopate_compiled_core syncopate/src.hpp syncopate::syncopate)
if(TARGET syncopate::http)
    syncopate_add_compiled(
        syncopate_compiled_http syncopate/http/src.hpp syncopate::http syncopate_compiled_core
    )
endif()

if(NOT TARGET syncopate_compiled)
    add_library(syncopate_compiled INTERFACE)
    target_link_libraries(
        syncopate_compiled INTERFACE syncopate_compiled_core $<TARGET_NAME_IF_EXISTS:syncopate_compiled_http>
    )
    add_library(syncopate::compiled ALIAS syncopate_compiled)
    add_library(syncopate::compiled_core ALIAS syncopate_compiled_core)
endif()
