// DownloadFile: a file that appears under its name only when it is complete.
#pragma once

#include <syncopate/detail/system/file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Written under another name in the same directory. The destructor removes it unless commit() was called, or it is to be
/// gone on with. A device or a pipe, such as /dev/null, cannot be replaced: it is written to as the bytes come.
class DownloadFile {
public:
    /// What becomes of a file that is not complete.
    enum class Unfinished { removed, kept };

    /// path:      of a regular file, which stays as it is until commit() replaces it, of a device or a pipe, or of
    ///            nothing yet.
    /// Throws:    std::system_error with the path.
    explicit DownloadFile(std::filesystem::path path, Unfinished unfinished = Unfinished::removed)
        : path_(std::move(path)), unfinished_(unfinished) {
        std::error_code error;
        auto const old = FileStatus::of(path_, error);
        if (error)
            fail(error, "cannot be created");
        if (old.is_directory())
            fail(std::make_error_code(std::errc::invalid_argument), "a directory");
        if (old.exists() && (!old.is_regular() || is_open_file(path_)))
            write_to_path();
        else
            create_beside(old);
    }
    DownloadFile(DownloadFile const&) = delete;
    DownloadFile& operator=(DownloadFile const&) = delete;
    ~DownloadFile() { remove(); }

    /// Whether there may be something to go on with: it is a file, and was not to be removed.
    bool is_kept() const noexcept { return unfinished_ == Unfinished::kept && !partial_.empty(); }
    /// Of what is kept: where.
    std::filesystem::path const& partial() const noexcept { return partial_; }
    /// Of what is kept: how much there is.
    std::uint64_t size() const noexcept { return size_; }

    /// Drops what was written.
    void restart() {
        if (partial_.empty() && size_ == 0)
            return;
        if (auto const error = file_.truncate(0))
            fail(error, "cannot be written anew");
        size_ = 0;
    }
    /// Has it be removed, though it was to be kept.
    void discard() noexcept { unfinished_ = Unfinished::removed; }

    void write(std::string_view data) {
        while (!data.empty()) {
            std::error_code error;
            auto const count = file_.write_some(data, error);
            if (error)
                fail(error, "cannot be written");
            data.remove_prefix(count);
            size_ += count;
        }
    }

    /// Gives the file its name.
    void commit() {
        // Otherwise a system that crashes soon could have the new name, and not the bytes.
        auto error = partial_.empty() ? std::error_code() : file_.flush();
        if (!error)
            error = file_.close();
        if (error)
            fail(error, "cannot be written");
        if (partial_.empty())
            return;
        if (auto const refused = ::syncopate::detail::system::replace_file(partial_, path_))
            fail(refused, "cannot be replaced");
        partial_.clear();
    }

private:
    using File = ::syncopate::detail::system::File;
    using FileStatus = ::syncopate::detail::system::FileStatus;

    [[noreturn]] void fail(std::error_code error, char const* what) {
        remove();
        throw std::system_error(error, path_.string() + ": " + what);
    }

    void remove() noexcept {
        file_ = File();
        if (!partial_.empty() && unfinished_ == Unfinished::removed)
            ::syncopate::detail::system::remove_file(partial_);
        partial_.clear();
    }

    /// Whether it is one that a process has open, under a name such as /dev/stdout or /proc/self/fd/3: whoever opened
    /// it would not see another one in its place.
    static bool is_open_file(std::filesystem::path const& path) {
        std::error_code error;
        auto const real = canonical(path, error).string();
        for (std::string_view const folder : {"/dev/", "/proc/"})
            if (path.string().starts_with(folder))
                return !real.starts_with(folder);
        return false;
    }

    /// What a chain of symbolic links leads to, also if there is nothing yet: the links stay.
    static std::filesystem::path target_of(std::filesystem::path path) {
        constexpr int most = 40;  // as the system
        std::error_code error;
        for (int i = 0; i < most && is_symlink(path, error); ++i) {
            auto const next = read_symlink(path, error);
            if (error)
                break;
            path = next.is_absolute() ? next : path.parent_path() / next;
        }
        return path;
    }

    void write_to_path() {
        std::error_code error;
        file_ = File(path_, File::Access::append, error);
        if (error)
            fail(error, "cannot be written");
    }

    /// old:  the file that is to be replaced, if there is one.
    void create_beside(FileStatus const& old) {
        path_ = target_of(std::move(path_));
        if (unfinished_ == Unfinished::kept)
            return go_on(old);
        // The name does not depend on the file's own, which may have all the length that the system allows.
        std::random_device random;
        auto const directory = path_.parent_path();
        std::error_code error;
        do {
            error.clear();
            partial_ = directory / (".download-" + std::to_string(random()) + ".part");
            file_ = File(partial_, File::Access::write_new, error);
        } while (error == std::errc::file_exists);
        if (error) {
            partial_.clear();
            fail(error, "cannot be created");
        }
        take_over(old);
    }

    /// Opens what an earlier download has left, or begins anew.
    void go_on(FileStatus const& old) {
        partial_ = partial_of(path_);
        std::error_code error;
        file_ = File(partial_, File::Access::go_on, error);
        auto const found = error ? FileStatus() : file_.status(error);
        if (error)
            fail(error, "what there is of it cannot be opened");
        if (!found.is_regular())
            fail(
                std::make_error_code(std::errc::invalid_argument),
                "what there is of it is no file");
        if (!file_.lock())
            fail(std::make_error_code(std::errc::device_or_resource_busy), "is being downloaded");
        size_ = file_.seek_to_end(error);
        if (error)
            fail(error, "what there is of it cannot be read");
        take_over(old);
    }

    /// The same for each download to that path. The system limits the length of a name.
    static std::filesystem::path partial_of(std::filesystem::path const& path) {
        constexpr std::size_t longest = 240;
        auto name = path.filename().string();
        if (name.size() > longest) {
            auto const number = std::hash<std::string>()(name);
            name.resize(longest / 2);
            name += '-' + std::to_string(number);
        }
        return path.parent_path() / (name + ".part");
    }

    void take_over(FileStatus const& old) {
        auto const error = old.exists() ? file_.take_over(old) : std::error_code();
        if (error)
            fail(error, "cannot be created");
    }

    std::filesystem::path path_;
    std::filesystem::path partial_;  // empty: the file itself is written
    Unfinished unfinished_;
    File file_;
    std::uint64_t size_ = 0;  // written
};

}  // namespace syncopate::inline v0_1::http::detail
