# What the consumers have in common: a program with strict warnings of its own.
add_executable(consumer "${CMAKE_CURRENT_LIST_DIR}/single.cpp")
target_compile_options(
    consumer PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
)
target_link_libraries(consumer PRIVATE syncopate::syncopate)
