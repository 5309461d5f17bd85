# The recipes of cmake/packaging, filled in for a repository made of this tree, and done as their managers would.
include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

set(repository "${WORK_DIR}/repository")
file(
    COPY "${CHECKOUT}/include" "${CHECKOUT}/cmake" "${CHECKOUT}/CMakeLists.txt" "${CHECKOUT}/LICENSE"
    DESTINATION "${repository}"
)
set(git git -C "${repository}" -c user.name=somebody -c user.email=somebody@example.org)
run(${git} init -q)
run(${git} add -A)
run(${git} commit -q -m "A release")
run(${git} tag v1)
set(recipes "${WORK_DIR}/recipes")
run(
    "${CMAKE_COMMAND}" -D "ADDRESS=file://${repository}" -D REVISION=v1 -D "OUTPUT=${recipes}" -P
    "${repository}/cmake/packaging/write.cmake"
)

if(RECIPE STREQUAL "meson")
    file(COPY "${CMAKE_CURRENT_LIST_DIR}/meson/" DESTINATION "${WORK_DIR}/project")
    file(COPY "${CMAKE_CURRENT_LIST_DIR}/program/" DESTINATION "${WORK_DIR}/project")
    file(COPY "${recipes}/meson/" DESTINATION "${WORK_DIR}/project/subprojects")
    set(ENV{CXX} "${COMPILER}")
    set(build "${WORK_DIR}/project/build")
    set(parts "")
    foreach(part IN ITEMS http fiber process)
        string(TOUPPER "${part}" is_there)
        if("${${is_there}}")
            list(APPEND parts "-D${part}=true")
        endif()
    endforeach()
    run(meson setup --buildtype=plain ${parts} "${build}" "${WORK_DIR}/project")
    run(meson compile -C "${build}")
    run("${build}/consumer")
elseif(RECIPE STREQUAL "vcpkg")
    set(features "")
    if(HTTP)
        set(features http)
    endif()
    run(
        "${CMAKE_COMMAND}" -D "PORT_DIR=${recipes}/vcpkg/syncopate" -D "WORK_DIR=${WORK_DIR}" -D
        "GENERATOR=${GENERATOR}" -D "COMPILER=${COMPILER}" -D "BOOST_DIR=${BOOST_DIR}" -D "FEATURES=${features}" -P
        "${CMAKE_CURRENT_LIST_DIR}/recipes/vcpkg.cmake"
    )
    configure(
        find_package -D "CMAKE_PREFIX_PATH=${WORK_DIR}/packages" -D "WANTED_VERSION=${VERSION}" -D
        "WANTED_COMPONENTS=${features}"
    )
    # The package remembers that it is without libpsl, wherever one is.
    file(STRINGS "${WORK_DIR}/build/CMakeCache.txt" lines REGEX "LIBPSL")
    if(lines)
        message(FATAL_ERROR "libpsl has been looked for: ${lines}")
    endif()
elseif(RECIPE STREQUAL "parts")
    run(python3 "${CMAKE_CURRENT_LIST_DIR}/recipes/parts.py" "${recipes}" "${repository}" "${VERSION}")
else()
    run(python3 "${CMAKE_CURRENT_LIST_DIR}/recipes/${RECIPE}.py" "${recipes}/${RECIPE}" "${repository}" "${VERSION}")
endif()
