include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

install_into("${WORK_DIR}/first place")
file(RENAME "${WORK_DIR}/first place" "${WORK_DIR}/second place")

# What names the place where it was made would fail on another machine only.
file(GLOB_RECURSE files "${WORK_DIR}/second place/*.cmake")
foreach(file IN LISTS files)
    file(READ "${file}" text)
    foreach(place IN ITEMS "${WORK_DIR}" "${CHECKOUT}" "${BUILD_TREE}")
        string(FIND "${text}" "${place}" at)
        if(NOT at EQUAL -1)
            message(FATAL_ERROR "${file} contains the path ${place}")
        endif()
    endforeach()
endforeach()

string(REGEX MATCH "^[0-9]+\\.[0-9]+" wanted "${VERSION}")
set(prefix "CMAKE_PREFIX_PATH=${WORK_DIR}/second place")
configure(find_package -D "${prefix}" -D "WANTED_VERSION=${wanted}")
build_and_run(consumer)

if(HTTP)
    configure(
        find_package -D "${prefix}" -D "WANTED_VERSION=${wanted}" -D WANTED_COMPONENTS=http
    )
    build_and_run(http_consumer compiled_consumer)
endif()
