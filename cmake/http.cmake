if(NOT SYNCOPATE_HTTP OR SYNCOPATE_ASIO_STANDALONE)
    return()
endif()

include("${PROJECT_SOURCE_DIR}/cmake/http-dependencies.cmake")

if(syncopate_http_missing)
    if(SYNCOPATE_HTTP STREQUAL "AUTO")
        message(STATUS "syncopate::http is left out, for want of: ${syncopate_http_missing}")
        return()
    endif()
    message(FATAL_ERROR "SYNCOPATE_HTTP is on, but these are missing: ${syncopate_http_missing}.\n")
endif()

add_library(syncopate_http INTERFACE)
add_library(syncopate::http ALIAS syncopate_http)
set_target_properties(syncopate_http PROPERTIES EXPORT_NAME http)

target_link_libraries(
    syncopate_http INTERFACE syncopate_syncopate OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB Boost::json
                             $<TARGET_NAME_IF_EXISTS:Boost::url> $<TARGET_NAME_IF_EXISTS:syncopate_libpsl>
                             ${CMAKE_DL_LIBS}
)
syncopate_as_system(syncopate_http Boost::json)
if(WIN32)
    # The authorities that Windows trusts.
    target_link_libraries(syncopate_http INTERFACE crypt32)
endif()
