include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# share, not lib: nothing of it depends on the architecture.
set(syncopate_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/syncopate")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# One export set per component: asking for the core alone must not look for OpenSSL.
install(
    TARGETS syncopate_syncopate
    EXPORT syncopate-targets
    INCLUDES
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
)
install(EXPORT syncopate-targets NAMESPACE syncopate:: DESTINATION "${syncopate_package_dir}")

if(TARGET syncopate_http)
    install(TARGETS syncopate_http EXPORT syncopate-http-targets)
    install(EXPORT syncopate-http-targets NAMESPACE syncopate:: DESTINATION "${syncopate_package_dir}")
    file(
        CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/http-choices.cmake"
        CONTENT "if(NOT DEFINED SYNCOPATE_LIBPSL)\n    set(SYNCOPATE_LIBPSL @SYNCOPATE_LIBPSL@)\nendif()\n" @ONLY
    )
    install(FILES "${PROJECT_BINARY_DIR}/http-choices.cmake" DESTINATION "${syncopate_package_dir}")
endif()

if(TARGET syncopate_fiber)
    install(TARGETS syncopate_fiber EXPORT syncopate-fiber-targets)
    install(EXPORT syncopate-fiber-targets NAMESPACE syncopate:: DESTINATION "${syncopate_package_dir}")
endif()

if(TARGET syncopate_process)
    install(TARGETS syncopate_process EXPORT syncopate-process-targets)
    install(
        EXPORT syncopate-process-targets NAMESPACE syncopate:: DESTINATION "${syncopate_package_dir}"
    )
endif()

# Below 1.0 a minor version may change the interface.
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/syncopate-config-version.cmake"
    VERSION "${PROJECT_VERSION}"
    COMPATIBILITY SameMinorVersion
    ARCH_INDEPENDENT
)
install(
    FILES "${PROJECT_BINARY_DIR}/syncopate-config-version.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/syncopate-config.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/boost-minimum.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/http-dependencies.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/compiled.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/fiber-dependencies.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/process-dependencies.cmake"
    DESTINATION "${syncopate_package_dir}"
)

if(SYNCOPATE_ASIO_STANDALONE)
    install(FILES "${PROJECT_SOURCE_DIR}/cmake/asio.cmake" DESTINATION "${syncopate_package_dir}")
endif()

include("${CMAKE_CURRENT_LIST_DIR}/packaging/pkgconfig.cmake")
