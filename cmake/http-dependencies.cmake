# What syncopate::http needs beyond the core. The build and the installed package both ask here, so
# that they cannot disagree. Sets syncopate_http_missing: what was not found, in words; empty is well.
set(syncopate_http_missing "")

find_package(OpenSSL 3.0 QUIET)
if(NOT TARGET OpenSSL::SSL)
    list(APPEND syncopate_http_missing "OpenSSL 3.0 or newer (Debian: libssl-dev)")
endif()

find_package(ZLIB QUIET)
if(NOT TARGET ZLIB::ZLIB)
    list(APPEND syncopate_http_missing "zlib (Debian: zlib1g-dev)")
endif()

# Which domains are everybody's, for cookies. Without it, only top-level domains are known to be.
include("${CMAKE_CURRENT_LIST_DIR}/http-choices.cmake" OPTIONAL) # an installed package remembers SYNCOPATE_LIBPSL
if(SYNCOPATE_LIBPSL)
    find_path(SYNCOPATE_LIBPSL_INCLUDE_DIR libpsl.h)
    find_library(SYNCOPATE_LIBPSL_LIBRARY psl)
    mark_as_advanced(SYNCOPATE_LIBPSL_INCLUDE_DIR SYNCOPATE_LIBPSL_LIBRARY)
endif()
if(NOT SYNCOPATE_LIBPSL OR TARGET syncopate_libpsl)
    # It is left out, or has been found before.
elseif(NOT SYNCOPATE_LIBPSL_INCLUDE_DIR OR NOT SYNCOPATE_LIBPSL_LIBRARY)
    if(NOT SYNCOPATE_LIBPSL STREQUAL "AUTO")
        list(APPEND syncopate_http_missing "libpsl (Debian: libpsl-dev)")
    endif()
else()
    add_library(syncopate_libpsl INTERFACE IMPORTED GLOBAL)
    target_include_directories(syncopate_libpsl INTERFACE "${SYNCOPATE_LIBPSL_INCLUDE_DIR}")
    target_link_libraries(syncopate_libpsl INTERFACE "${SYNCOPATE_LIBPSL_LIBRARY}")
    target_compile_definitions(syncopate_libpsl INTERFACE SYNCOPATE_HTTP_WITH_LIBPSL=1)
endif()

# Not Boost's own COMPONENTS: a component that is missing there marks the whole of Boost not found,
# which the core does not deserve. Same version as the headers, or the two would not fit together.
# The library does without Boost.URL; programs that link syncopate::http may use it, where it is found.
foreach(syncopate_boost_library IN ITEMS json url)
    if(Boost_VERSION AND NOT TARGET Boost::${syncopate_boost_library})
        find_package(boost_${syncopate_boost_library} ${Boost_VERSION} EXACT CONFIG QUIET HINTS "${Boost_DIR}/..")
    endif()
    if(NOT TARGET Boost::${syncopate_boost_library} AND NOT syncopate_boost_library STREQUAL "url")
        list(
            APPEND syncopate_http_missing
            "Boost.${syncopate_boost_library} ${Boost_VERSION} (Debian 12: libboost-${syncopate_boost_library}1.81-dev)"
        )
    endif()
endforeach()
unset(syncopate_boost_library)
list(JOIN syncopate_http_missing ", " syncopate_http_missing)
