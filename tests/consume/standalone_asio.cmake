include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

set(asio "SYNCOPATE_ASIO_INCLUDE_DIR=${ASIO_DIR}")
run(
    ${configure_command} -D SYNCOPATE_ASIO_STANDALONE=ON -D CMAKE_DISABLE_FIND_PACKAGE_Boost=ON -D "${asio}" -S
    "${CHECKOUT}" -B "${WORK_DIR}/library"
)
run("${CMAKE_COMMAND}" --install "${WORK_DIR}/library" --prefix "${WORK_DIR}/prefix")

configure(standalone_asio -D "CMAKE_PREFIX_PATH=${WORK_DIR}/prefix" -D "${asio}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build" --target every_way)
run("${WORK_DIR}/build/every_way")
