// PerfettoTrace: a function for Options::on_event that writes a trace, which Perfetto shows.
#pragma once

#include <syncopate/detail/trace/trace_writer.hpp>
#include <syncopate/event.hpp>

#include <filesystem>
#include <memory>

namespace syncopate::inline v0_1 {

/// Writes the events of one runner or of several into a file in the trace-event format (JSON), which
/// https://ui.perfetto.dev and chrome://tracing open: each task in a row of its own, each function in the row of the
/// thread that has called it.
///
/// Copies write to the same file. It is written some 64 KB or a second at a time, and the last of it when the last
/// copy is gone, those in the options of runners among them. It is complete JSON after each time, and so also if the
/// process is killed. A task takes some 500 bytes.
class PerfettoTrace {
public:
    /// Opens the file.
    ///
    /// path:      of the file, which is made, or replaced.
    /// Throws:    std::system_error if it cannot be opened or written to.
    explicit PerfettoTrace(std::filesystem::path const& path)
        : writer_(std::make_shared<detail::TraceWriter>(path)) {}

    /// Writes one event. It names the thread that calls it.
    ///
    /// Throws:    std::system_error when the disk is full, or the file cannot be written to any more: once. What was
    ///            written before stays complete, and what comes later is dropped.
    /// Threads:   any, several at once. In a child of fork() it does nothing.
    void operator()(Event const& event) const { writer_->write(event); }

private:
    std::shared_ptr<detail::TraceWriter> writer_;
};

}  // namespace syncopate::inline v0_1
