# find_package(syncopate 0.1 REQUIRED)                    -> syncopate::syncopate
# find_package(syncopate 0.1 REQUIRED COMPONENTS http)    -> syncopate::http as well; so for fiber and process
# Either also gives syncopate::compiled, the same compiled once: see compiled.cmake.
include(CMakeFindDependencyMacro)

include("${CMAKE_CURRENT_LIST_DIR}/boost-minimum.cmake")
if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/asio.cmake")  # installed with SYNCOPATE_ASIO_STANDALONE
    include("${CMAKE_CURRENT_LIST_DIR}/asio.cmake")
    if(syncopate_asio_missing)
        set(syncopate_FOUND FALSE)
        set(syncopate_NOT_FOUND_MESSAGE "syncopate needs ${syncopate_asio_missing}.")
        return()
    endif()
elseif(NOT TARGET Boost::headers)
    find_dependency(Boost ${syncopate_boost_minimum} CONFIG)
endif()
find_dependency(Threads)

include("${CMAKE_CURRENT_LIST_DIR}/syncopate-targets.cmake")

set(syncopate_components http fiber process)
foreach(syncopate_component IN LISTS syncopate_FIND_COMPONENTS)
    if(syncopate_component STREQUAL "compiled")
        set(syncopate_compiled_FOUND TRUE)
    elseif(NOT syncopate_component IN_LIST syncopate_components)
        list(JOIN syncopate_components "\", \"" syncopate_failure)
        set(syncopate_failure "it has no component \"${syncopate_component}\", only \"${syncopate_failure}\"")
    elseif(NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/syncopate-${syncopate_component}-targets.cmake")
        set(syncopate_failure "it was installed without its component ${syncopate_component}")
    else()
        include("${CMAKE_CURRENT_LIST_DIR}/${syncopate_component}-dependencies.cmake")
        if(syncopate_${syncopate_component}_missing)
            set(syncopate_failure
                "its component ${syncopate_component} needs ${syncopate_${syncopate_component}_missing}"
            )
        else()
            include("${CMAKE_CURRENT_LIST_DIR}/syncopate-${syncopate_component}-targets.cmake")
            set(syncopate_${syncopate_component}_FOUND TRUE)
        endif()
    endif()

    if(syncopate_failure AND syncopate_FIND_REQUIRED_${syncopate_component})
        set(syncopate_FOUND FALSE)
        set(syncopate_NOT_FOUND_MESSAGE "syncopate cannot be used as asked: ${syncopate_failure}.")
    endif()
    unset(syncopate_failure)
endforeach()
unset(syncopate_component)
unset(syncopate_components)

include("${CMAKE_CURRENT_LIST_DIR}/compiled.cmake")
