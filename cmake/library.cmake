find_package(Threads REQUIRED)

add_library(syncopate_syncopate INTERFACE)
add_library(syncopate::syncopate ALIAS syncopate_syncopate)
set_target_properties(syncopate_syncopate PROPERTIES EXPORT_NAME syncopate)

target_include_directories(
    syncopate_syncopate INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
)
target_compile_features(syncopate_syncopate INTERFACE cxx_std_20)
target_link_libraries(syncopate_syncopate INTERFACE Boost::headers Threads::Threads)
