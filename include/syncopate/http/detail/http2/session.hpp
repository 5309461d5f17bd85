// Http2Session: libnghttp2's end of a connection, which is given and gives bytes.
#pragma once

#include <syncopate/http/detail/http2/memory.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/detail/http2/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Its callbacks resume no coroutine: libnghttp2 must not be called within one of its calls.
class Http2Session {
public:
    /// The bytes of a body that may lie unread.
    static constexpr std::uint32_t window = 256 * 1024;
    static constexpr std::int32_t window_of_all = 4 * 1024 * 1024;

    /// streams:   hears of each stream that has something to do; outlives this.
    Http2Session(Libnghttp2 const& library, Http2Streams& streams, std::size_t max_header_size)
        : library_(library), streams_(streams) {
        Callbacks const callbacks(library);
        Option const option(library);
        library.no_auto_window_update(option.made, 1);
        auto memory = memory_.functions();
        require(library.client_new(&session_, callbacks.made, this, option.made, &memory));
        Libnghttp2::Setting const settings[] = {
            {Libnghttp2::enable_push, 0},
            {Libnghttp2::window, window},
            {Libnghttp2::max_header, static_cast<std::uint32_t>(max_header_size)}};
        require(library.submit_settings(session_, 0, settings, std::size(settings)));
        require(library.set_local_window(session_, 0, 0, window_of_all));
    }
    Http2Session(Http2Session const&) = delete;
    Http2Session& operator=(Http2Session const&) = delete;
    ~Http2Session() {
        if (session_)
            library_.session_del(session_);
    }

    Libnghttp2 const& library() const noexcept { return library_; }
    Libnghttp2::Session* native_handle() const noexcept { return session_; }

    /// Takes what has come. Returns false if the connection cannot be used any more.
    bool take(std::string_view input) noexcept {
        auto const used = library_.mem_recv(
            session_, reinterpret_cast<std::uint8_t const*>(input.data()), input.size());
        return used == static_cast<Libnghttp2::Size>(input.size());
    }

    /// Appends what is to be sent, some 64 KiB at most. Returns false if the connection cannot be used any more.
    bool give(std::string& output) {
        constexpr std::size_t most_at_once = std::size_t{64} * 1024;
        while (output.size() < most_at_once) {
            std::uint8_t const* data = nullptr;
            auto const size = library_.mem_send(session_, &data);
            if (size < 0)
                return false;
            if (size == 0)
                break;
            output.append(reinterpret_cast<char const*>(data), static_cast<std::size_t>(size));
        }
        return true;
    }

    /// Whether it is over: what was wrong has been said to the server.
    bool is_over() const noexcept {
        return !library_.want_read(session_) && !library_.want_write(session_);
    }
    /// Whether a request may be begun: the server has not said that it goes away.
    bool takes_requests() const noexcept {
        return !is_going_away_ && library_.is_request_allowed(session_);
    }
    /// How many may go on at once.
    std::size_t max_streams() const noexcept {
        constexpr std::uint32_t most = 1000;
        constexpr std::uint32_t usual = 100;
        if (!has_settings_)
            return usual;
        auto const of_server = library_.remote_setting(session_, Libnghttp2::max_streams);
        return of_server < most ? of_server : most;
    }
    /// Says good-bye.
    void terminate() noexcept { library_.terminate(session_, Libnghttp2::no_error); }

private:
    using Session = Libnghttp2::Session;
    using Frame = Libnghttp2::Frame;

    static void require(int result) {
        if (result != 0)
            throw std::bad_alloc();
    }

    struct Callbacks {
        explicit Callbacks(Libnghttp2 const& its_library) : library(its_library) {
            require(library.callbacks_new(&made));
            library.on_begin_frame(made, &Http2Session::begin_frame);
            library.on_begin_headers(made, &Http2Session::begin_headers);
            library.on_header(made, &Http2Session::take_field);
            library.on_invalid_header(made, &Http2Session::refuse_field);
            library.on_data_chunk(made, &Http2Session::take_data);
            library.on_frame_recv(made, &Http2Session::take_frame);
            library.on_frame_send(made, &Http2Session::note_frame);
            library.on_stream_close(made, &Http2Session::close_stream);
        }
        Callbacks(Callbacks const&) = delete;
        Callbacks& operator=(Callbacks const&) = delete;
        ~Callbacks() { library.callbacks_del(made); }

        Libnghttp2 const& library;
        Libnghttp2::Callbacks* made = nullptr;
    };
    struct Option {
        explicit Option(Libnghttp2 const& its_library) : library(its_library) {
            require(library.option_new(&made));
        }
        Option(Option const&) = delete;
        Option& operator=(Option const&) = delete;
        ~Option() { library.option_del(made); }

        Libnghttp2 const& library;
        Libnghttp2::Option* made = nullptr;
    };

    static Http2Session& self(void* user) noexcept { return *static_cast<Http2Session*>(user); }

    /// Has a function called with the stream, unless its exchange has let go of it. No exception may pass the library.
    template <class F>
    static int with_stream(void* user, std::int32_t id, F function) noexcept {
        auto& session = self(user);
        auto* const stream =
            static_cast<Http2Stream*>(session.library_.stream_user(session.session_, id));
        if (!stream)
            return 0;
        try {
            return function(*stream, session);
        } catch (...) {
            return Libnghttp2::failed;
        }
    }

    static int begin_frame(Session*, Frame const* frame, void* user) {
        if (frame->type != Libnghttp2::data)
            return 0;
        return with_stream(user, frame->stream_id, [=](Http2Stream& stream, Http2Session&) {
            stream.announce_data(frame->length);
            return 0;
        });
    }

    static int begin_headers(Session*, Frame const* frame, void* user) {
        return with_stream(user, frame->stream_id, [](Http2Stream& stream, Http2Session&) {
            stream.begin_fields();
            return 0;
        });
    }

    static std::string_view text(std::uint8_t const* data, std::size_t size) noexcept {
        return {reinterpret_cast<char const*>(data), size};
    }

    static int take_field(
        Session*,
        Frame const* frame,
        std::uint8_t const* name,
        std::size_t name_size,
        std::uint8_t const* value,
        std::size_t value_size,
        std::uint8_t,
        void* user) {
        return with_stream(user, frame->stream_id, [=](Http2Stream& stream, Http2Session&) {
            bool const is_taken = stream.take_field(text(name, name_size), text(value, value_size));
            return is_taken ? 0 : Libnghttp2::reset_stream;
        });
    }

    /// Without this, such a field would be passed over.
    static int refuse_field(
        Session*,
        Frame const*,
        std::uint8_t const*,
        std::size_t,
        std::uint8_t const*,
        std::size_t,
        std::uint8_t,
        void*) {
        return Libnghttp2::reset_stream;
    }

    static int take_data(
        Session*,
        std::uint8_t,
        std::int32_t id,
        std::uint8_t const* data,
        std::size_t size,
        void* user) {
        auto& its = self(user);
        // A reader that is slow holds up its own stream only.
        its.library_.consume_connection(its.session_, size);
        return with_stream(user, id, [=](Http2Stream& stream, Http2Session& session) {
            stream.take_data(text(data, size));
            session.streams_.wake(stream.connection());
            return 0;
        });
    }

    static int take_frame(Session*, Frame const* frame, void* user) {
        if (frame->type == Libnghttp2::settings)
            self(user).has_settings_ = true;
        if (frame->type == Libnghttp2::go_away)
            self(user).is_going_away_ = true;
        bool const is_header = frame->type == Libnghttp2::header;
        if (!is_header && frame->type != Libnghttp2::data)
            return 0;
        return with_stream(user, frame->stream_id, [&](Http2Stream& stream, Http2Session& session) {
            bool const is_end = frame->flags & Libnghttp2::ends_stream;
            if (is_header)
                stream.end_fields();
            if (is_end)
                stream.finish();
            if (is_header || is_end)
                session.streams_.wake(stream.connection());
            return 0;
        });
    }

    static int note_frame(Session*, Frame const* frame, void* user) {
        if (frame->type != Libnghttp2::header && frame->type != Libnghttp2::reset)
            return 0;
        return with_stream(user, frame->stream_id, [=](Http2Stream& stream, Http2Session&) {
            if (frame->type == Libnghttp2::header)
                stream.note_head_sent(frame->length);
            else
                stream.note_refusal();
            return 0;
        });
    }

    static int close_stream(Session*, std::int32_t id, std::uint32_t error, void* user) {
        return with_stream(user, id, [=](Http2Stream& stream, Http2Session& session) {
            stream.note_closed(error);
            session.streams_.wake(stream.connection());
            return 0;
        });
    }

    Libnghttp2 const& library_;
    Http2Streams& streams_;
    Http2Memory memory_;
    Session* session_ = nullptr;
    bool has_settings_ = false;
    bool is_going_away_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
