# As a dependency the library builds, tests and installs nothing of its own.
option(SYNCOPATE_BUILD_TESTS "Build syncopate's tests" "${PROJECT_IS_TOP_LEVEL}")
option(SYNCOPATE_BUILD_EXAMPLES "Build syncopate's examples" "${PROJECT_IS_TOP_LEVEL}")
option(SYNCOPATE_BUILD_BENCHMARKS "Build syncopate's benchmarks" OFF)
option(SYNCOPATE_BUILD_FUZZERS "Build syncopate's fuzzers, with Clang" OFF)
option(SYNCOPATE_INSTALL "Generate syncopate's install rules" "${PROJECT_IS_TOP_LEVEL}")

set(SYNCOPATE_HTTP AUTO CACHE STRING "Provide syncopate::http: AUTO (if its libraries are found), ON or OFF")
set_property(CACHE SYNCOPATE_HTTP PROPERTY STRINGS AUTO ON OFF)
