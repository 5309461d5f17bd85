# As a dependency the library adds its own targets, no test, and no option that is not its own.
# Call remember_cache() before it is added, and refuse_extras(<its directory>) after.

function(options_in_cache result)
    get_cmake_property(entries CACHE_VARIABLES)
    set(options "")
    foreach(entry IN LISTS entries)
        # Paths are where find_package found things; STATIC and INTERNAL are CMake's own notes.
        get_property(type CACHE "${entry}" PROPERTY TYPE)
        if(type MATCHES "^(BOOL|STRING)$")
            list(APPEND options "${entry}")
        endif()
    endforeach()
    set(${result} "${options}" PARENT_SCOPE)
endfunction()

macro(remember_cache)
    options_in_cache(options_before)
endmacro()

function(targets_below directory result)
    get_property(targets DIRECTORY "${directory}" PROPERTY BUILDSYSTEM_TARGETS)
    get_property(children DIRECTORY "${directory}" PROPERTY SUBDIRECTORIES)
    foreach(child IN LISTS children)
        targets_below("${child}" more)
        list(APPEND targets ${more})
    endforeach()
    set(${result} "${targets}" PARENT_SCOPE)
endfunction()

function(refuse_extras directory)
    options_in_cache(options)
    list(REMOVE_ITEM options ${options_before})
    # CMake's module for pkg-config, which its module for OpenSSL uses, leaves this one.
    list(REMOVE_ITEM options PKG_CONFIG_ARGN)
    list(FILTER options EXCLUDE REGEX "^(SYNCOPATE|FETCHCONTENT)_")
    if(options)
        message(SEND_ERROR "The library added options that are not its own: ${options}")
    endif()

    targets_below("${directory}" targets)
    list(
        REMOVE_ITEM targets syncopate_syncopate syncopate_http syncopate_compiled syncopate_compiled_core
        syncopate_compiled_http syncopate_fiber syncopate_process
    )
    if(targets)
        message(SEND_ERROR "The library added targets that a consumer has no use for: ${targets}")
    endif()

    get_property(tests DIRECTORY "${directory}" PROPERTY TESTS)
    get_property(children DIRECTORY "${directory}" PROPERTY SUBDIRECTORIES)
    if(tests OR children)
        message(SEND_ERROR "The library added tests or directories: ${tests} ${children}")
    endif()

    get_target_property(options syncopate::syncopate INTERFACE_COMPILE_OPTIONS)
    if(options)
        message(SEND_ERROR "The library sets compiler options for its consumers: ${options}")
    endif()
endfunction()
