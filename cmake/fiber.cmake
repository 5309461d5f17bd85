if(NOT SYNCOPATE_FIBER)
    return()
endif()

include("${PROJECT_SOURCE_DIR}/cmake/fiber-dependencies.cmake")

if(syncopate_fiber_missing)
    if(SYNCOPATE_FIBER STREQUAL "AUTO")
        message(STATUS "syncopate::fiber is left out, for want of: ${syncopate_fiber_missing}")
        return()
    endif()
    message(FATAL_ERROR "SYNCOPATE_FIBER is on, but this is missing: ${syncopate_fiber_missing}.\n")
endif()

add_library(syncopate_fiber INTERFACE)
add_library(syncopate::fiber ALIAS syncopate_fiber)
set_target_properties(syncopate_fiber PROPERTIES EXPORT_NAME fiber)

target_link_libraries(syncopate_fiber INTERFACE syncopate_syncopate Boost::context)
