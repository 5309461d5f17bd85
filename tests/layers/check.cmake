# cmake -D INCLUDE_DIR=<...>/include -D TABLE=<layers.txt> -P check.cmake
#
# Fails, and says why, when a header includes a layer that its own may not include, when headers
# include each other in a circle, when a header has no layer, when one knows an operating system that is not there for it,
# when one declares a virtual function in a way that has every unit compile it, or when one has what GCC 12 compiles wrongly.
cmake_minimum_required(VERSION 3.25)

set(problems "")

# --- the table
file(STRINGS "${TABLE}" lines REGEX "^[a-z]")
set(layers "")
set(patterns "")
foreach(line IN LISTS lines)
    string(REGEX REPLACE "[ \t]+" ";" words "${line}")
    list(POP_FRONT words first)
    if(first STREQUAL "layer")
        list(POP_FRONT words layer includes)
        list(APPEND layers "${layer}")
        set(allowed_${layer} ${words})
        continue()
    endif()
    if(NOT first IN_LIST layers)
        message(FATAL_ERROR "${TABLE}: no layer is called ${first}: ${line}")
    endif()
    foreach(word IN LISTS words)
        string(REPLACE "." "\\." regex "${word}")
        string(REPLACE "*" ".*" regex "${regex}")
        list(APPEND patterns "${first}=^${regex}$")
    endforeach()
endforeach()

function(layer_of header result)
    foreach(pattern IN LISTS patterns)
        string(REGEX MATCH "^([^=]*)=(.*)$" _ "${pattern}")
        set(layer "${CMAKE_MATCH_1}")
        set(regex "${CMAKE_MATCH_2}")
        if(header MATCHES "${regex}")
            set(${result} "${layer}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
    set(${result} "" PARENT_SCOPE)
endfunction()

# --- the seam: the only headers that know which operating system this is; and processes, which are Linux's
set(seam "^detail/system/(system|system_[a-z]+|posix|file|context_shutdown|[a-z_]+_(posix|windows))\\.hpp$|^detail/threads/(interrupt_listener|watched_descriptor|[a-z_]+_(posix|windows))\\.hpp$|^http/detail/system/|^detail/process/")
set(system_header
    "^((linux|sys|arpa|netinet|net|os|mach)/.*|(pthread|pthread_np|sched|unistd|signal|fcntl|poll|netdb|dlfcn|io|share|wincrypt|windows|winsock2|ws2tcpip|Availability)\\.h|csignal)$"
)
set(system_macro "_WIN32|_WIN64|__linux|__gnu_linux|__APPLE__|__FreeBSD__|__NetBSD__|__OpenBSD__|__unix|BOOST_ASIO_WINDOWS")

# --- each header against it
file(GLOB_RECURSE headers RELATIVE "${INCLUDE_DIR}/syncopate" "${INCLUDE_DIR}/syncopate/*")
if(NOT headers)
    message(FATAL_ERROR "There is no header in ${INCLUDE_DIR}/syncopate")
endif()

foreach(header IN LISTS headers)
    layer_of("${header}" layer)
    if(NOT layer)
        list(APPEND problems "${header} has no layer: add it to ${TABLE}")
    endif()

    set(includes_of_${header} "")
    file(STRINGS "${INCLUDE_DIR}/syncopate/${header}" includes REGEX "^[ \t]*#[ \t]*include")
    foreach(include IN LISTS includes)
        if(NOT include MATCHES "include[ \t]*([<\"])([^>\"]+)[>\"]")
            continue()
        endif()
        set(quote "${CMAKE_MATCH_1}")
        set(included "${CMAKE_MATCH_2}")

        if(included MATCHES "${system_header}" AND NOT header MATCHES "${seam}")
            list(APPEND problems "${header} includes <${included}>, of an operating system: that is for the seam in detail/system")
        endif()

        if(included STREQUAL "boost/asio.hpp")
            list(APPEND problems "${header} includes all of Asio: include what it uses")
        elseif(included MATCHES "^boost/" AND NOT header MATCHES "^(http/|detail/fiber/|detail/process/|asio\\.hpp|cobalt\\.hpp|detail/error/requirements\\.hpp)")
            list(APPEND problems "${header} includes ${included}: the core has its Asio, and nothing else of Boost, from asio.hpp")
        elseif(included MATCHES "^syncopate/(.*)$")
            set(included "${CMAKE_MATCH_1}")
            list(APPEND includes_of_${header} "${included}")
            layer_of("${included}" included_layer)
            if(layer AND included_layer AND NOT included_layer IN_LIST allowed_${layer})
                list(
                    APPEND problems
                    "${header} (layer ${layer}) includes ${included} (layer ${included_layer})"
                )
            endif()
        elseif(quote STREQUAL "\"")
            list(APPEND problems "${header} includes \"${included}\": write <syncopate/...>")
        endif()
    endforeach()
endforeach()

foreach(header IN LISTS headers)
    file(STRINGS "${INCLUDE_DIR}/syncopate/${header}" tested REGEX "^[ \t]*#[ \t]*(if|elif).*(${system_macro})")
    if(tested AND NOT header MATCHES "${seam}")
        list(APPEND problems "${header} asks which operating system this is: that is for the seam in detail/system")
    endif()
endforeach()

# --- virtual functions that are defined elsewhere: see detail/separate.hpp. Those of request_body.hpp stand behind a header
# that includes it, and so would be missing where it is included alone.
foreach(header IN LISTS headers)
    if(header STREQUAL "http/detail/message/request_body.hpp")
        continue()
    endif()
    file(STRINGS "${INCLUDE_DIR}/syncopate/${header}" declared
        REGEX "^ +([^/]*\\).* (override|final)|virtual [^={}]*);$")
    foreach(line IN LISTS declared)
        if(NOT line MATCHES "^ +(inline|SYNCOPATE_DECL) ")
            list(APPEND problems "${header} declares a virtual function without inline or SYNCOPATE_DECL: ${line}")
        endif()
    endforeach()
endforeach()

# --- what GCC 12 compiles wrongly: not optimised, it destroys twice what a conditional has made inside a co_await
foreach(header IN LISTS headers)
    file(READ "${INCLUDE_DIR}/syncopate/${header}" text)
    if(text MATCHES "co_await[^;{}?]* \\? ")
        list(APPEND problems "${header} has a conditional inside a co_await: give its result a name before")
    endif()
endforeach()

# --- circles: what includes nothing that is left is taken away until nothing changes
set(left ${headers})
set(changed TRUE)
while(changed)
    set(changed FALSE)
    foreach(header IN LISTS left)
        set(blocked FALSE)
        foreach(included IN LISTS includes_of_${header})
            if(included IN_LIST left)
                set(blocked TRUE)
            endif()
        endforeach()
        if(NOT blocked)
            list(REMOVE_ITEM left "${header}")
            set(changed TRUE)
        endif()
    endforeach()
endwhile()
if(left)
    list(JOIN left ", " left)
    list(APPEND problems "a circle of includes goes through: ${left}")
endif()

if(problems)
    list(JOIN problems "\n  " problems)
    message(FATAL_ERROR "The layers are not kept:\n  ${problems}\n")
endif()
list(LENGTH headers count)
message(STATUS "${count} headers keep their layers")
