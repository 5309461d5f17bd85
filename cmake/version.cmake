# The version stands in one place, the header, so that a folder of headers copied without this
# file still knows which version it is.
file(
    STRINGS "${CMAKE_CURRENT_LIST_DIR}/../include/syncopate/version.hpp" syncopate_version_lines
    REGEX "^#define SYNCOPATE_VERSION_(MAJOR|MINOR|PATCH) [0-9]+"
)
# Editing the header has to configure again.
set_property(
    DIRECTORY APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/../include/syncopate/version.hpp"
)

if(NOT syncopate_version_lines MATCHES
   "MAJOR ([0-9]+).*;#define SYNCOPATE_VERSION_MINOR ([0-9]+).*;#define SYNCOPATE_VERSION_PATCH ([0-9]+)"
)
    message(
        FATAL_ERROR
            "include/syncopate/version.hpp must define SYNCOPATE_VERSION_MAJOR, _MINOR and _PATCH, "
            "in this order, as numbers."
    )
endif()
set(syncopate_version "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
