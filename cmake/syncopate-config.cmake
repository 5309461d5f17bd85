# find_package(syncopate 0.1 REQUIRED)                    -> syncopate::syncopate
# find_package(syncopate 0.1 REQUIRED COMPONENTS http)    -> syncopate::http as well
include(CMakeFindDependencyMacro)

include("${CMAKE_CURRENT_LIST_DIR}/boost-minimum.cmake")
if(NOT TARGET Boost::headers)
    find_dependency(Boost ${syncopate_boost_minimum} CONFIG)
endif()
find_dependency(Threads)

include("${CMAKE_CURRENT_LIST_DIR}/syncopate-targets.cmake")

foreach(syncopate_component IN LISTS syncopate_FIND_COMPONENTS)
    if(NOT syncopate_component STREQUAL "http")
        set(syncopate_failure "it has no component \"${syncopate_component}\", only \"http\"")
    elseif(NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/syncopate-http-targets.cmake")
        set(syncopate_failure "it was installed without its component http")
    else()
        include("${CMAKE_CURRENT_LIST_DIR}/http-dependencies.cmake")
        if(syncopate_http_missing)
            set(syncopate_failure "its component http needs ${syncopate_http_missing}")
        else()
            include("${CMAKE_CURRENT_LIST_DIR}/syncopate-http-targets.cmake")
            set(syncopate_http_FOUND TRUE)
        endif()
    endif()

    if(syncopate_failure AND syncopate_FIND_REQUIRED_${syncopate_component})
        set(syncopate_FOUND FALSE)
        set(syncopate_NOT_FOUND_MESSAGE "syncopate cannot be used as asked: ${syncopate_failure}.")
    endif()
    unset(syncopate_failure)
endforeach()
unset(syncopate_component)
