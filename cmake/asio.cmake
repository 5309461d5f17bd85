# Asio without Boost, for SYNCOPATE_ASIO_STANDALONE. The build and the installed package both ask here. A parent
# project may have brought a target asio::asio. Sets syncopate_asio_missing: what was not found, in words; empty is well.
set(syncopate_asio_missing "")
set(syncopate_asio_minimum 1.26)

if(NOT TARGET asio::asio AND NOT TARGET syncopate_asio)
    find_path(SYNCOPATE_ASIO_INCLUDE_DIR asio/version.hpp)
    mark_as_advanced(SYNCOPATE_ASIO_INCLUDE_DIR)
    if(NOT SYNCOPATE_ASIO_INCLUDE_DIR)
        set(syncopate_asio_missing "none was found")
    else()
        # 103002 is 1.30.2.
        file(STRINGS "${SYNCOPATE_ASIO_INCLUDE_DIR}/asio/version.hpp" syncopate_asio_version REGEX "define ASIO_VERSION ")
        string(REGEX REPLACE ".* ([0-9]+)([0-9][0-9][0-9])([0-9][0-9]).*" "\\1.\\2.\\3" syncopate_asio_version
                             "${syncopate_asio_version}")
        string(REGEX REPLACE "\\.0+([0-9])" ".\\1" syncopate_asio_version "${syncopate_asio_version}")
        if(syncopate_asio_version VERSION_LESS syncopate_asio_minimum)
            set(syncopate_asio_missing "found only ${syncopate_asio_version}")
        endif()
    endif()
endif()

if(syncopate_asio_missing)
    string(PREPEND syncopate_asio_missing
           "Asio ${syncopate_asio_minimum} or newer (Debian 13: libasio-dev; or SYNCOPATE_ASIO_INCLUDE_DIR): ")
elseif(NOT TARGET syncopate_asio)
    add_library(syncopate_asio INTERFACE IMPORTED GLOBAL)
    target_compile_definitions(syncopate_asio INTERFACE SYNCOPATE_ASIO_STANDALONE)
    if(TARGET asio::asio)
        target_link_libraries(syncopate_asio INTERFACE asio::asio)
    else()
        target_include_directories(syncopate_asio INTERFACE "${SYNCOPATE_ASIO_INCLUDE_DIR}")
    endif()
endif()
