// FileBody, InputFile: a body that is read from files while it is sent.
#pragma once

#include <syncopate/detail/system/file.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// A regular file, opened for reading.
class InputFile {
public:
    /// Throws: std::system_error with the path.
    explicit InputFile(std::filesystem::path path) : path_(std::move(path)) {
        std::error_code error;
        file_ = File(path_, File::Access::read, error);
        auto const status = error ? FileStatus() : file_.status(error);
        if (error)
            fail(error, "cannot be read");
        if (!status.is_regular())
            fail(std::make_error_code(std::errc::invalid_argument), "no regular file");
        size_ = status.size();
    }

    /// When it was opened.
    std::uint64_t size() const noexcept { return size_; }

    /// Reads at most so many bytes, 1 or more of them.
    std::string read(std::size_t most) {
        std::string piece(most, '\0');
        std::error_code error;
        auto const count = file_.read(piece.data(), most, error);
        if (error)
            fail(error, "cannot be read");
        if (count == 0)
            throw_error(
                Errc::invalid_request, path_.string() + ": shorter than when it was opened");
        piece.resize(count);
        return piece;
    }

private:
    using File = ::syncopate::detail::system::File;
    using FileStatus = ::syncopate::detail::system::FileStatus;

    [[noreturn]] void fail(std::error_code error, char const* what) {
        throw std::system_error(error, path_.string() + ": " + what);
    }

    std::filesystem::path path_;
    File file_;
    std::uint64_t size_ = 0;
};

/// Texts and files, to be sent one after the other. It can be sent any number of times; each time, a file is as it is
/// then.
class FileBody final : public BodySource, public std::enable_shared_from_this<FileBody> {
public:
    struct Part {
        std::string text;
        std::filesystem::path file;  // empty: the part is the text
    };

    explicit FileBody(std::vector<Part> parts) noexcept : parts_(std::move(parts)) {}

    std::shared_ptr<BodyStream> open() override {
        return std::make_shared<Stream>(shared_from_this());
    }
    bool is_repeatable() const noexcept override { return true; }
    bool is_used() const noexcept override { return false; }

private:
    class Stream final : public BlockingBodyStream {
    public:
        explicit Stream(std::shared_ptr<FileBody const> body) : body_(std::move(body)) {
            // Opened one at a time: a form may have more files than a process may open.
            for (auto const& part : body_->parts_)
                sizes_.push_back(
                    part.file.empty() ? part.text.size() : InputFile(part.file).size());
        }

        std::optional<std::uint64_t> size() const override {
            std::uint64_t size = 0;
            for (auto const each : sizes_)
                size += each;
            return size;
        }

        std::optional<std::string> read() override {
            while (next_ < sizes_.size()) {
                auto const& part = body_->parts_[next_];
                if (part.file.empty()) {
                    ++next_;
                    return part.text;
                }
                if (read_ < sizes_[next_])
                    return read_file(part.file);
                ++next_;
                read_ = 0;
                file_.reset();
            }
            return std::nullopt;
        }

    private:
        /// No more than was announced, also if the file has become longer.
        std::string read_file(std::filesystem::path const& path) {
            constexpr std::uint64_t most = std::uint64_t{256} * 1024;
            if (!file_)
                file_.emplace(path);
            auto piece =
                file_->read(static_cast<std::size_t>((std::min)(most, sizes_[next_] - read_)));
            read_ += piece.size();
            return piece;
        }

        std::shared_ptr<FileBody const> const body_;
        std::vector<std::uint64_t> sizes_;
        std::size_t next_ = 0;
        std::uint64_t read_ = 0;
        std::optional<InputFile> file_;
    };

    std::vector<Part> const parts_;
};

}  // namespace syncopate::inline v0_1::http::detail
