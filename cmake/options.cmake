# As a dependency the library builds, tests and installs nothing of its own.
option(SYNCOPATE_ASIO_STANDALONE "Stand on Asio without Boost; the core only")
set(syncopate_is_developed "${PROJECT_IS_TOP_LEVEL}")
if(SYNCOPATE_ASIO_STANDALONE)
    set(syncopate_is_developed OFF)
endif()
option(SYNCOPATE_BUILD_TESTS "Build syncopate's tests" "${syncopate_is_developed}")
option(SYNCOPATE_BUILD_EXAMPLES "Build syncopate's examples" "${syncopate_is_developed}")
option(SYNCOPATE_BUILD_BENCHMARKS "Build syncopate's benchmarks" OFF)
option(SYNCOPATE_BUILD_FUZZERS "Build syncopate's fuzzers, with Clang" OFF)
option(SYNCOPATE_INSTALL "Generate syncopate's install rules" "${PROJECT_IS_TOP_LEVEL}")

set(SYNCOPATE_HTTP AUTO CACHE STRING "Provide syncopate::http: AUTO (if its libraries are found), ON or OFF")
set_property(CACHE SYNCOPATE_HTTP PROPERTY STRINGS AUTO ON OFF)

set(SYNCOPATE_LIBPSL AUTO CACHE STRING "Let syncopate::http use libpsl: AUTO (if it is found), ON or OFF")
set_property(CACHE SYNCOPATE_LIBPSL PROPERTY STRINGS AUTO ON OFF)

set(SYNCOPATE_FIBER AUTO CACHE STRING "Provide syncopate::fiber: AUTO (if its library is found), ON or OFF")
set_property(CACHE SYNCOPATE_FIBER PROPERTY STRINGS AUTO ON OFF)

set(SYNCOPATE_PROCESS AUTO CACHE STRING "Provide syncopate::process: AUTO (if its library is found), ON or OFF")
set_property(CACHE SYNCOPATE_PROCESS PROPERTY STRINGS AUTO ON OFF)
