include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")
configure(fetch_content)
build_and_run(consumer compiled_consumer)
