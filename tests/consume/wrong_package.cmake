include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")

install_into("${WORK_DIR}/prefix")
set(prefix "CMAKE_PREFIX_PATH=${WORK_DIR}/prefix")
string(REPLACE "." "\\." version "${VERSION}")

configure_refused(
    find_package
    "compatible with requested version \"99\\.0\".*syncopate-config\\.cmake, version: ${version}"
    -D "${prefix}" -D WANTED_VERSION=99.0
)
# Below 1.0 another minor version is another interface.
configure_refused(
    find_package "compatible with requested version \"0\\.0\"" -D "${prefix}" -D WANTED_VERSION=0.0
)
configure_refused(
    find_package "it has no component \"nonsense\", only \"http\"" -D "${prefix}"
    -D WANTED_COMPONENTS=nonsense
)

# A prefix that was installed where OpenSSL was not to be had.
file(REMOVE "${WORK_DIR}/prefix/share/cmake/syncopate/syncopate-http-targets.cmake")
configure_refused(
    find_package "it was installed without its component http" -D "${prefix}"
    -D WANTED_COMPONENTS=http
)
