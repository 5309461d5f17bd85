include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")
configure(add_subdirectory)
build_and_run(consumer)
