if(NOT SYNCOPATE_PROCESS)
    return()
endif()

include("${PROJECT_SOURCE_DIR}/cmake/process-dependencies.cmake")

if(syncopate_process_missing)
    if(SYNCOPATE_PROCESS STREQUAL "AUTO")
        message(STATUS "syncopate::process is left out, for want of: ${syncopate_process_missing}")
        return()
    endif()
    message(FATAL_ERROR "SYNCOPATE_PROCESS is on, but this is missing: ${syncopate_process_missing}.\n")
endif()

add_library(syncopate_process INTERFACE)
add_library(syncopate::process ALIAS syncopate_process)
set_target_properties(syncopate_process PROPERTIES EXPORT_NAME process)

target_link_libraries(syncopate_process INTERFACE syncopate_syncopate Boost::serialization)
