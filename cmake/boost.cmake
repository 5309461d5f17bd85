include("${CMAKE_CURRENT_LIST_DIR}/boost-minimum.cmake")

if(SYNCOPATE_ASIO_STANDALONE)
    if(SYNCOPATE_BUILD_TESTS OR SYNCOPATE_BUILD_EXAMPLES OR SYNCOPATE_BUILD_BENCHMARKS OR SYNCOPATE_BUILD_FUZZERS)
        message(FATAL_ERROR "The tests, examples and benchmarks of syncopate need Boost: not with SYNCOPATE_ASIO_STANDALONE.\n")
    endif()
    if(SYNCOPATE_HTTP AND NOT SYNCOPATE_HTTP STREQUAL "AUTO")
        message(FATAL_ERROR "syncopate::http needs Boost.Beast: SYNCOPATE_HTTP does not go with SYNCOPATE_ASIO_STANDALONE.\n")
    endif()
    include("${CMAKE_CURRENT_LIST_DIR}/asio.cmake")
    if(syncopate_asio_missing)
        message(FATAL_ERROR "With SYNCOPATE_ASIO_STANDALONE syncopate needs ${syncopate_asio_missing}.\n")
    endif()
    set(syncopate_asio_target syncopate_asio)
    return()
endif()
set(syncopate_asio_target Boost::headers)

# A parent project may have brought Boost already. Otherwise CONFIG: Boost's own package knows its
# version and its targets; CMake's FindBoost knows only the Boosts older than itself, and is on its
# way out.
if(NOT TARGET Boost::headers)
    find_package(Boost ${syncopate_boost_minimum} CONFIG QUIET)
endif()

if(NOT TARGET Boost::headers)
    set(syncopate_boost_seen "none was found")
    if(Boost_CONSIDERED_VERSIONS)
        list(REMOVE_DUPLICATES Boost_CONSIDERED_VERSIONS)
        list(JOIN Boost_CONSIDERED_VERSIONS ", " syncopate_boost_seen)
        set(syncopate_boost_seen "found only ${syncopate_boost_seen}")
    endif()
elseif(Boost_VERSION_STRING AND Boost_VERSION_STRING VERSION_LESS syncopate_boost_minimum)
    set(syncopate_boost_seen "this project already uses ${Boost_VERSION_STRING}")
endif()

if(syncopate_boost_seen)
    message(
        FATAL_ERROR
            "syncopate needs the headers of Boost ${syncopate_boost_minimum} or newer: "
            "${syncopate_boost_seen}.\n"
            "Debian 12: apt-get install libboost1.81-dev. A Boost installed elsewhere: set "
            "CMAKE_PREFIX_PATH or Boost_ROOT to its prefix (the one that holds "
            "lib/cmake/Boost-<version>).\n"
    )
endif()
