# Runs a port file of vcpkg's: its functions are here what they are there, as far as the port uses them.
cmake_minimum_required(VERSION 3.22)

set(PORT syncopate)
set(CURRENT_PORT_DIR "${PORT_DIR}")
set(CURRENT_PACKAGES_DIR "${WORK_DIR}/packages")
set(build "${WORK_DIR}/build of the port")

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_from_git)
    cmake_parse_arguments(arg "" "OUT_SOURCE_PATH;URL;REF" "" ${ARGN})
    set(source "${WORK_DIR}/source")
    run(git clone -q --branch "${arg_REF}" "${arg_URL}" "${source}")
    set("${arg_OUT_SOURCE_PATH}" "${source}" PARENT_SCOPE)
endfunction()

# The features that the port is asked for are the test's.
function(vcpkg_check_features)
    cmake_parse_arguments(arg "" "OUT_FEATURE_OPTIONS" "FEATURES" ${ARGN})
    set(options "")
    while(arg_FEATURES)
        list(POP_FRONT arg_FEATURES feature option)
        if(feature IN_LIST FEATURES)
            list(APPEND options "-D${option}=ON")
        else()
            list(APPEND options "-D${option}=OFF")
        endif()
    endwhile()
    set("${arg_OUT_FEATURE_OPTIONS}" "${options}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
    cmake_parse_arguments(arg "" "SOURCE_PATH" "OPTIONS" ${ARGN})
    run(
        "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${arg_SOURCE_PATH}" -B "${build}" -D
        "CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" -D "CMAKE_CXX_COMPILER=${COMPILER}" -D
        "Boost_DIR=${BOOST_DIR}" ${arg_OPTIONS}
    )
endfunction()

function(vcpkg_cmake_install)
    run("${CMAKE_COMMAND}" --install "${build}")
endfunction()

# The package moves, and its way back to the prefix gets shorter by as much.
function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(arg "" "CONFIG_PATH" "" ${ARGN})
    file(RENAME "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" "${CURRENT_PACKAGES_DIR}/share/${PORT}")
    file(GLOB files "${CURRENT_PACKAGES_DIR}/share/${PORT}/*.cmake")
    foreach(file IN LISTS files)
        file(READ "${file}" text)
        string(
            REGEX
            REPLACE "get_filename_component\\(_IMPORT_PREFIX \"\\\${CMAKE_CURRENT_LIST_FILE}\" PATH\\)(\nget_filename_component\\(_IMPORT_PREFIX \"\\\${_IMPORT_PREFIX}\" PATH\\))*"
                    "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_DIR}/../..\" ABSOLUTE)"
                    text
                    "${text}"
        )
        file(WRITE "${file}" "${text}")
    endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(arg "" "" "FILE_LIST" ${ARGN})
    file(INSTALL ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
endfunction()

include("${PORT_DIR}/portfile.cmake")

# What vcpkg checks after a build.
foreach(file IN ITEMS copyright usage syncopate-config.cmake)
    if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/share/${PORT}/${file}")
        message(FATAL_ERROR "The port installs no share/${PORT}/${file}")
    endif()
endforeach()
foreach(part IN ITEMS http fiber process)
    file(GLOB found "${CURRENT_PACKAGES_DIR}/share/${PORT}/${PORT}-${part}-targets.cmake")
    if(part IN_LIST FEATURES AND NOT found)
        message(FATAL_ERROR "The port lacks ${part}")
    elseif(found AND NOT part IN_LIST FEATURES)
        message(FATAL_ERROR "Nobody has asked the port for ${part}")
    endif()
endforeach()
if("http" IN_LIST FEATURES)
    file(READ "${CURRENT_PACKAGES_DIR}/share/pkgconfig/syncopate-http.pc" text)
    if(text MATCHES "(libpsl|LIBPSL)")
        message(FATAL_ERROR "Nobody has asked the port for libpsl: ${text}")
    endif()
endif()
foreach(folder IN ITEMS share/doc share/cmake lib bin debug)
    if(EXISTS "${CURRENT_PACKAGES_DIR}/${folder}")
        message(FATAL_ERROR "The port must not install ${folder}")
    endif()
endforeach()

file(READ "${PORT_DIR}/vcpkg.json" manifest)
string(JSON name GET "${manifest}" name)
string(JSON feature GET "${manifest}" features http description)
if(NOT name STREQUAL PORT)
    message(FATAL_ERROR "The manifest is another port's: ${name}")
endif()
