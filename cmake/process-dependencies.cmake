# What syncopate::process needs beyond the core, for the build and for the installed package. Sets
# syncopate_process_missing: what was not found, in words; empty is well.
set(syncopate_process_missing "")

# Of the headers' version, and not by Boost's own COMPONENTS: see http-dependencies.cmake.
if(Boost_VERSION AND NOT TARGET Boost::serialization)
    find_package(boost_serialization ${Boost_VERSION} EXACT CONFIG QUIET HINTS "${Boost_DIR}/..")
endif()
if(NOT TARGET Boost::serialization)
    set(syncopate_process_missing
        "Boost.Serialization ${Boost_VERSION} (Debian 12: libboost-serialization1.81-dev)"
    )
elseif(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    set(syncopate_process_missing "Linux")
endif()
