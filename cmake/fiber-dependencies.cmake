# What syncopate::fiber needs beyond the core, for the build and for the installed package. Sets
# syncopate_fiber_missing: what was not found, in words; empty is well.
set(syncopate_fiber_missing "")

# Of the headers' version, and not by Boost's own COMPONENTS: see http-dependencies.cmake.
if(Boost_VERSION AND NOT TARGET Boost::context)
    find_package(boost_context ${Boost_VERSION} EXACT CONFIG QUIET HINTS "${Boost_DIR}/..")
endif()
if(NOT TARGET Boost::context)
    set(syncopate_fiber_missing "Boost.Context ${Boost_VERSION} (Debian 12: libboost-context1.81-dev)")
endif()
