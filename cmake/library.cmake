find_package(Threads REQUIRED)

add_library(syncopate_syncopate INTERFACE)
add_library(syncopate::syncopate ALIAS syncopate_syncopate)
set_target_properties(syncopate_syncopate PROPERTIES EXPORT_NAME syncopate)

target_include_directories(
    syncopate_syncopate INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
)
target_compile_features(syncopate_syncopate INTERFACE cxx_std_20)
target_link_libraries(syncopate_syncopate INTERFACE ${syncopate_asio_target} Threads::Threads)

# syncopate_as_system(TARGET LIBRARY): a Boost that a parent project brings as sources, by FetchContent, comes as -I. Its
# warnings would be those of the user, who has not written it.
function(syncopate_as_system target library)
    # What was found comes as -isystem anyway, and a parent project does not see the target.
    get_target_property(is_imported "${library}" IMPORTED)
    if(is_imported)
        return()
    endif()
    target_include_directories(
        "${target}" SYSTEM INTERFACE "$<BUILD_INTERFACE:$<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>>"
    )
endfunction()
syncopate_as_system(syncopate_syncopate "${syncopate_asio_target}")
if(WIN32)
    # WaitOnAddress, and Asio's sockets.
    target_link_libraries(syncopate_syncopate INTERFACE synchronization ws2_32 mswsock)
endif()
