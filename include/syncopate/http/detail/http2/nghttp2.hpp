// Libnghttp2: the functions of libnghttp2 that are used here, where that is installed.
#pragma once

#include <syncopate/detail/system/system.hpp>

#include <cstddef>
#include <cstdint>

namespace syncopate::inline v0_1::http::detail {

/// The library of that name, loaded by the first session that asks for it: neither its headers nor its name for the linker
/// are needed. The types have the layout of its version 1, which it keeps for good.
///
/// Threads: any.
class Libnghttp2 {
public:
    using Size = std::ptrdiff_t;  // ssize_t
    using Session = struct Nghttp2Session;
    using Callbacks = struct Nghttp2Callbacks;
    using Option = struct Nghttp2Option;
    using Priority = struct Nghttp2Priority;

    struct Field {
        std::uint8_t* name;
        std::uint8_t* value;
        std::size_t name_size;
        std::size_t value_size;
        std::uint8_t flags;
    };
    /// What every frame begins with.
    struct Frame {
        std::size_t length;
        std::int32_t stream_id;
        std::uint8_t type;
        std::uint8_t flags;
        std::uint8_t reserved;
    };
    struct Setting {
        std::int32_t id;
        std::uint32_t value;
    };
    union Source {
        int file;
        void* pointer;
    };
    using ReadBody =
        Size(Session*, std::int32_t, std::uint8_t*, std::size_t, std::uint32_t*, Source*, void*);
    struct Body {
        Source source;
        ReadBody* read;
    };

    /// Who gives memory: the standard functions, with that of the user behind their parameters.
    struct Memory {
        void* user;
        void* (*get)(std::size_t, void*);
        void (*put)(void*, void*);
        void* (*get_zeros)(std::size_t, std::size_t, void*);
        void* (*get_more)(void*, std::size_t, void*);
    };

    using OnFrame = int(Session*, Frame const*, void*);
    using OnField =
        int(Session*,
            Frame const*,
            std::uint8_t const*,
            std::size_t,
            std::uint8_t const*,
            std::size_t,
            std::uint8_t,
            void*);
    using OnData =
        int(Session*, std::uint8_t, std::int32_t, std::uint8_t const*, std::size_t, void*);
    using OnEnd = int(Session*, std::int32_t, std::uint32_t, void*);

    // Frames.
    static constexpr std::uint8_t data = 0;
    static constexpr std::uint8_t header = 1;
    static constexpr std::uint8_t reset = 3;
    static constexpr std::uint8_t settings = 4;
    static constexpr std::uint8_t go_away = 7;
    static constexpr std::uint8_t ends_stream = 1;
    // Settings.
    static constexpr std::int32_t enable_push = 2;
    static constexpr std::int32_t max_streams = 3;
    static constexpr std::int32_t window = 4;
    static constexpr std::int32_t max_header = 6;
    // Errors of streams.
    static constexpr std::uint32_t no_error = 0;
    static constexpr std::uint32_t refused_stream = 7;
    static constexpr std::uint32_t cancel = 8;
    // What callbacks return.
    static constexpr int deferred = -508;
    static constexpr int reset_stream = -521;
    static constexpr int failed = -902;

    /// Null if the library is not installed.
    static Libnghttp2 const* get() noexcept {
        static Libnghttp2 const library;
        return library.is_whole_ ? &library : nullptr;
    }

    int (*callbacks_new)(Callbacks**) = nullptr;
    void (*callbacks_del)(Callbacks*) = nullptr;
    void (*on_begin_frame)(Callbacks*, OnFrame*) = nullptr;
    void (*on_frame_recv)(Callbacks*, OnFrame*) = nullptr;
    void (*on_frame_send)(Callbacks*, OnFrame*) = nullptr;
    void (*on_begin_headers)(Callbacks*, OnFrame*) = nullptr;
    void (*on_header)(Callbacks*, OnField*) = nullptr;
    void (*on_invalid_header)(Callbacks*, OnField*) = nullptr;
    void (*on_data_chunk)(Callbacks*, OnData*) = nullptr;
    void (*on_stream_close)(Callbacks*, OnEnd*) = nullptr;
    int (*option_new)(Option**) = nullptr;
    void (*option_del)(Option*) = nullptr;
    void (*no_auto_window_update)(Option*, int) = nullptr;
    int (*client_new)(Session**, Callbacks const*, void*, Option const*, Memory*) = nullptr;
    void (*session_del)(Session*) = nullptr;
    Size (*mem_recv)(Session*, std::uint8_t const*, std::size_t) = nullptr;
    Size (*mem_send)(Session*, std::uint8_t const**) = nullptr;
    int (*want_read)(Session*) = nullptr;
    int (*want_write)(Session*) = nullptr;
    int (*submit_settings)(Session*, std::uint8_t, Setting const*, std::size_t) = nullptr;
    std::int32_t (*submit_request)(
        Session*, Priority const*, Field const*, std::size_t, Body const*, void*) = nullptr;
    int (*submit_rst_stream)(Session*, std::uint8_t, std::int32_t, std::uint32_t) = nullptr;
    int (*resume_data)(Session*, std::int32_t) = nullptr;
    int (*consume_connection)(Session*, std::size_t) = nullptr;
    int (*consume_stream)(Session*, std::int32_t, std::size_t) = nullptr;
    int (*set_local_window)(Session*, std::uint8_t, std::int32_t, std::int32_t) = nullptr;
    std::uint32_t (*remote_setting)(Session*, std::int32_t) = nullptr;
    int (*is_request_allowed)(Session*) = nullptr;
    void* (*stream_user)(Session*, std::int32_t) = nullptr;
    int (*set_stream_user)(Session*, std::int32_t, void*) = nullptr;
    int (*terminate)(Session*, std::uint32_t) = nullptr;

private:
    Libnghttp2() noexcept {
        void* const library = ::syncopate::detail::system::load_library("nghttp2", "14");
        if (!library)
            return;
        is_whole_ = true;
        find(library, callbacks_new, "nghttp2_session_callbacks_new");
        find(library, callbacks_del, "nghttp2_session_callbacks_del");
        find(library, on_begin_frame, "nghttp2_session_callbacks_set_on_begin_frame_callback");
        find(library, on_frame_recv, "nghttp2_session_callbacks_set_on_frame_recv_callback");
        find(library, on_frame_send, "nghttp2_session_callbacks_set_on_frame_send_callback");
        find(library, on_begin_headers, "nghttp2_session_callbacks_set_on_begin_headers_callback");
        find(library, on_header, "nghttp2_session_callbacks_set_on_header_callback");
        find(
            library, on_invalid_header, "nghttp2_session_callbacks_set_on_invalid_header_callback");
        find(library, on_data_chunk, "nghttp2_session_callbacks_set_on_data_chunk_recv_callback");
        find(library, on_stream_close, "nghttp2_session_callbacks_set_on_stream_close_callback");
        find(library, option_new, "nghttp2_option_new");
        find(library, option_del, "nghttp2_option_del");
        find(library, no_auto_window_update, "nghttp2_option_set_no_auto_window_update");
        find(library, client_new, "nghttp2_session_client_new3");
        find(library, session_del, "nghttp2_session_del");
        find(library, mem_recv, "nghttp2_session_mem_recv");
        find(library, mem_send, "nghttp2_session_mem_send");
        find(library, want_read, "nghttp2_session_want_read");
        find(library, want_write, "nghttp2_session_want_write");
        find(library, submit_settings, "nghttp2_submit_settings");
        find(library, submit_request, "nghttp2_submit_request");
        find(library, submit_rst_stream, "nghttp2_submit_rst_stream");
        find(library, resume_data, "nghttp2_session_resume_data");
        find(library, consume_connection, "nghttp2_session_consume_connection");
        find(library, consume_stream, "nghttp2_session_consume_stream");
        find(library, set_local_window, "nghttp2_session_set_local_window_size");
        find(library, remote_setting, "nghttp2_session_get_remote_settings");
        find(library, is_request_allowed, "nghttp2_session_check_request_allowed");
        find(library, stream_user, "nghttp2_session_get_stream_user_data");
        find(library, set_stream_user, "nghttp2_session_set_stream_user_data");
        find(library, terminate, "nghttp2_session_terminate_session");
    }

    template <class F>
    void find(void* library, F*& function, char const* name) noexcept {
        function = ::syncopate::detail::system::find_function<F>(library, name);
        is_whole_ = is_whole_ && function;
    }

    bool is_whole_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
