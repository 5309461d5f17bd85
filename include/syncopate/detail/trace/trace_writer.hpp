// TraceWriter: writes events in the trace-event format, which Perfetto reads.
#pragma once

#include <syncopate/detail/system/system.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/detail/trace/json_file.hpp>
#include <syncopate/detail/trace/json_string.hpp>
#include <syncopate/detail/trace/this_thread.hpp>
#include <syncopate/event.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>

namespace syncopate::inline v0_1::detail {

/// What may be suspended is an asynchronous event ("b", "e"), which Perfetto shows in a row of its own; a plain
/// function is a duration ("B", "E") of its thread. From any thread.
class TraceWriter {
public:
    explicit TraceWriter(std::filesystem::path const& path) : file_(path, beginning(), "\n]}\n") {}

    /// Throws: std::system_error when the file cannot be written to, once.
    void write(Event const& event) {
        if (!file_.is_here())
            return;  // also the lock may be in the hands of a thread that is not here
        std::lock_guard const lock(mutex_);
        require_thread();
        file_.append(item(event));
        if (file_.unwritten() < buffer_size && event.time < next_write_)
            return;
        next_write_ = event.time + interval;
        file_.write();
    }

private:
    // The most, in bytes and in time, that is lost with a process that is killed.
    static constexpr std::size_t buffer_size = 65536;
    static constexpr std::chrono::seconds interval{1};

    static std::string beginning() {
        return R"({"displayTimeUnit":"ns","traceEvents":[)"
               "\n" +
               metadata("process_name", system::process_id(), system::process_id(), process_name());
    }

    /// The program's; where that cannot be told, this thread's.
    static std::string process_name() {
        std::error_code error;
        auto const program = std::filesystem::read_symlink("/proc/self/exe", error);
        return error ? ThisThread::name() : program.filename().string();
    }

    static std::string metadata(
        std::string_view what, long process, long thread, std::string_view name) {
        std::string json = R"({"ph":"M","name":")";
        json.append(what).append("\"");
        append_place(json, process, thread);
        json += R"(,"args":{"name":)";
        append_json_string(json, name);
        return json += "}}";
    }

    static void append_place(std::string& json, long process, long thread) {
        json.append(R"(,"pid":)").append(std::to_string(process));
        json.append(R"(,"tid":)").append(std::to_string(thread));
    }

    /// Names the thread, if it is a new one. The system gives an id again when its thread has ended.
    void require_thread() {
        auto const [thread, is_new] = threads_.try_emplace(ThisThread::id(), 0);
        if (thread->second == ThisThread::serial())
            return;
        file_.append(
            metadata("thread_name", file_.process(), ThisThread::id(), ThisThread::name()));
        thread->second = ThisThread::serial();
    }

    std::string item(Event const& event) const {
        bool const begins = event.phase == Event::Phase::begin;
        std::string json;
        json.reserve(512);
        json = R"({"ph":")";
        if (event.may_be_suspended())
            json.append(begins ? "b" : "e").append(R"(","id":")").append(std::to_string(event.id));
        else
            json += begins ? 'B' : 'E';
        json.append(R"(","cat":")").append(category(event.kind)).append(R"(","name":)");
        append_json_string(json, name(event));
        append_place(json, file_.process(), ThisThread::id());
        append_time(json, event.time.time_since_epoch());
        if (begins)
            append_details(json, event);
        return json += '}';
    }

    static std::string_view category(Event::Kind kind) noexcept {
        switch (kind) {
        case Event::Kind::task: return "task";
        case Event::Kind::call: return "call";
        case Event::Kind::to_thread: return "to_thread";
        case Event::Kind::to_calling_thread: return "to_calling_thread";
        case Event::Kind::from_thread_run: return "from_thread::run";
        case Event::Kind::from_thread_call: return "from_thread::call";
        }
        return "";
    }

    /// Such as "parse config", or "to_thread app.cpp:12".
    static std::string name(Event const& event) {
        if (!event.label.empty())
            return event.label;
        std::string_view file = event.location.file_name();
        file.remove_prefix(file.rfind('/') + 1);
        std::string name(category(event.kind));
        name.append(" ").append(file).append(":");
        return name += std::to_string(event.location.line());
    }

    /// In microseconds.
    static void append_time(std::string& json, std::chrono::nanoseconds time) {
        auto const fraction = std::to_string(1000 + time.count() % 1000);
        json.append(R"(,"ts":)").append(std::to_string(time.count() / 1000));
        json.append(".").append(fraction, 1);
    }

    static void append_details(std::string& json, Event const& event) {
        json.append(R"(,"args":{"task":)").append(std::to_string(event.task));
        json += R"(,"runner":)";
        append_json_string(json, event.runner);
        json += R"(,"location":)";
        append_json_string(json, description(event.location));
        json += '}';
    }

    std::mutex mutex_;
    JsonFile file_;
    std::unordered_map<long, std::uint64_t> threads_;
    std::chrono::steady_clock::time_point next_write_;
};

}  // namespace syncopate::inline v0_1::detail
