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
    set(http false)
    if(HTTP)
        set(http true)
    endif()
    run(meson setup --buildtype=plain "-Dhttp=${http}" "${build}" "${WORK_DIR}/project")
    run(meson compile -C "${build}")
    run("${build}/consumer")
elseif(RECIPE STREQUAL "vcpkg")
    run(
        "${CMAKE_COMMAND}" -D "PORT_DIR=${recipes}/vcpkg/syncopate" -D "WORK_DIR=${WORK_DIR}" -D
        "GENERATOR=${GENERATOR}" -D "COMPILER=${COMPILER}" -D "BOOST_DIR=${BOOST_DIR}" -P
        "${CMAKE_CURRENT_LIST_DIR}/recipes/vcpkg.cmake"
    )
    configure(find_package -D "CMAKE_PREFIX_PATH=${WORK_DIR}/packages" -D "WANTED_VERSION=${VERSION}")
else()
    run(python3 "${CMAKE_CURRENT_LIST_DIR}/recipes/${RECIPE}.py" "${recipes}/${RECIPE}" "${repository}" "${VERSION}")
endif()
