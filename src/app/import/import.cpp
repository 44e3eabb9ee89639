#include "app/import/import.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>

#include <CLI/CLI.hpp>
#include <boost/describe/class.hpp>
#include <unistd.h>

#include "app/application.hpp"
#include "app/data_folder_lock.hpp"
#include "app/import/import_input.hpp"
#include "app/import/import_plan.hpp"
#include "app/import/import_progress.hpp"
#include "app/import/whole_file.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/log.hpp"
#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"

namespace guildhall::app {
namespace {

// A batch is one transaction: large enough that its fsync is shared, small enough that a crash costs little.
constexpr std::size_t kMembersInBatch = 500;
constexpr std::size_t kConnectionsInBatch = 2000;
constexpr std::size_t kPostsInBatch = 500;
constexpr std::size_t kCommentsInBatch = 500;
constexpr std::size_t kReactionsInBatch = 1000;
constexpr std::size_t kSessionsInBatch = 500;
constexpr std::size_t kPageCacheBytes = 64 << 20;  // the writer of an import touches the whole of its indexes
constexpr std::chrono::milliseconds kRedrawEvery{100};
constexpr std::chrono::milliseconds kLineEvery{3000};
constexpr std::chrono::seconds kDrainLimit{10};

// The lines of the manifest.

struct MemberLine {
    std::string kind = "member";
    std::int64_t node = 0;
    UserId user_id;
    std::string email;
    std::string handle;
    std::string name;
    std::string headline;
    std::string location;
    Time created_at;
};
BOOST_DESCRIBE_STRUCT(MemberLine, (), (kind, node, user_id, email, handle, name, headline, location, created_at))

struct ConnectionLine {
    std::string kind = "connection";
    std::int64_t a = 0;
    std::int64_t b = 0;
    UserId a_user_id;
    UserId b_user_id;
    Time connected_at;
};
BOOST_DESCRIBE_STRUCT(ConnectionLine, (), (kind, a, b, a_user_id, b_user_id, connected_at))

struct PostLine {
    std::string kind = "post";
    std::size_t n = 0;
    std::int64_t node = 0;
    UserId user_id;
    post::PostId post_id;
    Time created_at;
    post::Visibility visibility{};
    std::size_t paragraph = 0;
    std::string sha256;
};
BOOST_DESCRIBE_STRUCT(PostLine, (), (kind, n, node, user_id, post_id, created_at, visibility, paragraph, sha256))

struct CommentLine {
    std::string kind = "comment";
    std::size_t n = 0;
    std::size_t k = 0;
    std::int64_t node = 0;
    UserId user_id;
    post::PostId post_id;
    post::CommentId comment_id;
    std::optional<post::CommentId> parent_id;
    Time created_at;
    std::string sha256;
};
BOOST_DESCRIBE_STRUCT(CommentLine, (), (kind, n, k, node, user_id, post_id, comment_id, parent_id, created_at, sha256))

struct ReactionLine {
    std::string kind = "reaction";
    std::size_t n = 0;
    std::int64_t node = 0;
    UserId user_id;
    post::PostId post_id;
    post::ReactionKind reaction{};
    Time created_at;
};
BOOST_DESCRIBE_STRUCT(ReactionLine, (), (kind, n, node, user_id, post_id, reaction, created_at))

template <class Line>
void add_line(WholeFile& file, const Line& line) {
    std::string text;
    json::write(text, line);
    file.add_line(text);
}

/// The value, or an exception that says in which stage what was refused. Input was checked before, so this is a
/// surprise.
template <class T>
T value_of(Result<T> result, std::string_view stage) {
    if (result) return std::move(*result);
    std::string text = std::string(stage) + ": " + result.error().detail;
    if (!result.error().errors.empty())
        text += " (" + result.error().errors.front().pointer + " " + result.error().errors.front().detail + ")";
    throw std::runtime_error(text);
}

/// Writes a plan through the services, stage by stage, each batch a transaction that can be repeated.
class Writer {
public:
    Writer(Application& application, const ImportPlan& plan, const ImportOptions& options)
        : application_(application), plan_(plan), options_(options), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

    Task<void> write_all(std::string password_hash) {
        co_await write_members(std::move(password_hash));
        co_await write_connections();
        co_await write_posts();
        for (std::size_t n = 0; n < plan_.post_count(); ++n) {
            for (PlannedComment& comment : plan_.comments(n))
                (comment.k == 0 ? comments_ : replies_).push_back(std::move(comment));
            std::ranges::copy(plan_.reactions(n), std::back_inserter(reactions_));
        }
        comment_ids_.resize(plan_.post_count());
        // In the order of the keys that tables are sorted by: neighbours share pages.
        const auto post_of = [&](const PlannedComment& comment) { return posts_[comment.n]; };
        std::ranges::sort(comments_, {}, post_of);
        std::ranges::sort(replies_, {}, post_of);
        const auto key_of = [&](const PlannedReaction& reaction) {
            return std::pair(posts_[reaction.n], users_[reaction.member]);
        };
        std::ranges::sort(reactions_, {}, key_of);
        co_await write_comments("comments", comments_);
        co_await write_comments("replies", replies_);
        co_await write_reactions();
    }

    void write_manifest(const std::filesystem::path& path) const;
    Task<void> write_tokens(std::filesystem::path path);

    std::size_t new_members() const { return new_members_; }

private:
    /// Calls `write` for each range of `size` of `count` things, and shows how far it is.
    Task<void> in_batches(std::string stage, std::size_t count, std::size_t size,
                          std::function<Task<void>(std::size_t, std::size_t)> write);
    Task<void> write_members(std::string password_hash);
    Task<void> write_connections();
    Task<void> write_posts();
    /// Of one depth: a comment must be there before its replies.
    Task<void> write_comments(std::string stage, const std::vector<PlannedComment>& comments);
    Task<void> write_reactions();
    void describe_comment(WholeFile& file, const PlannedComment& comment) const;

    Application& application_;
    const ImportPlan& plan_;
    const ImportOptions& options_;
    const bool is_terminal_;
    std::vector<UserId> users_;        // by place
    std::vector<post::PostId> posts_;  // by n
    std::vector<PlannedComment> comments_;
    std::vector<PlannedComment> replies_;
    std::vector<PlannedReaction> reactions_;
    std::vector<std::array<post::CommentId, 2>> comment_ids_;  // by n and k
    std::size_t new_members_ = 0;
};

Task<void> Writer::in_batches(std::string stage, std::size_t count, std::size_t size,
                              std::function<Task<void>(std::size_t, std::size_t)> write) {
    if (count == 0) co_return;
    Progress progress(std::cerr, is_terminal_, stage, count, is_terminal_ ? kRedrawEvery : kLineEvery);
    for (std::size_t begin = 0; begin < count; begin += size) {
        const std::size_t end = std::min(begin + size, count);
        co_await write(begin, end);
        progress.add(end - begin);
        if (options_.after_batch) options_.after_batch(stage);
    }
}

Task<void> Writer::write_members(std::string password_hash) {
    const UserId first_new{first_id_at(application_.clock().now())};
    auto write = [&](std::size_t begin, std::size_t end) -> Task<void> {
        std::vector<user::ImportedMember> batch;
        for (std::size_t place = begin; place < end; ++place) {
            PlannedMember member = plan_.member(place);
            batch.push_back({.email = std::move(member.email),
                             .name = std::move(member.name),
                             .handle = std::move(member.handle),
                             .headline = std::move(member.headline),
                             .location = std::move(member.location),
                             .industry = {},
                             .password_hash = password_hash,
                             .created_at = member.created_at});
        }
        auto ids = co_await application_.users().users().import_members(std::move(batch));
        std::ranges::copy(value_of(std::move(ids), "members"), std::back_inserter(users_));
    };
    co_await in_batches("members", plan_.member_count(), kMembersInBatch, write);
    new_members_ =
        static_cast<std::size_t>(std::ranges::count_if(users_, [&](UserId user) { return user >= first_new; }));
}

Task<void> Writer::write_connections() {
    auto write = [&](std::size_t begin, std::size_t end) -> Task<void> {
        std::vector<connection::ImportedConnection> batch;
        for (std::size_t i = begin; i < end; ++i) {
            const PlannedConnection planned = plan_.connection(i);
            batch.push_back({users_[planned.a], users_[planned.b], planned.connected_at});
        }
        auto done = co_await application_.connections().service().import_connections(std::move(batch));
        value_of(std::move(done), "connections");
    };
    co_await in_batches("connections", plan_.connection_count(), kConnectionsInBatch, write);
}

Task<void> Writer::write_posts() {
    auto write = [&](std::size_t begin, std::size_t end) -> Task<void> {
        std::vector<post::ImportedPost> batch;
        for (std::size_t n = begin; n < end; ++n) {
            const PlannedPost planned = plan_.post(n);
            batch.push_back({.author_id = users_[planned.author],
                             .text = plan_.text_of(planned),
                             .visibility = planned.visibility,
                             .created_at = planned.created_at,
                             .key = plan_.digest() + ':' + std::to_string(n)});
        }
        auto ids = co_await application_.posts().importer().import_posts(std::move(batch));
        std::ranges::copy(value_of(std::move(ids), "posts"), std::back_inserter(posts_));
    };
    co_await in_batches("posts", plan_.post_count(), kPostsInBatch, write);
}

Task<void> Writer::write_comments(std::string stage, const std::vector<PlannedComment>& comments) {
    auto write = [&](std::size_t begin, std::size_t end) -> Task<void> {
        std::vector<post::ImportedComment> batch;
        for (std::size_t i = begin; i < end; ++i) {
            const PlannedComment& planned = comments[i];
            std::optional<post::CommentId> parent;
            if (planned.k > 0) parent = comment_ids_[planned.n][0];
            batch.push_back(
                {.post_id = posts_[planned.n],
                 .parent_id = parent,
                 .author_id = users_[planned.author],
                 .text = planned.text,
                 .created_at = planned.created_at,
                 .key = plan_.digest() + ':' + std::to_string(planned.n) + ':' + std::to_string(planned.k)});
        }
        auto result = co_await application_.posts().importer().import_comments(std::move(batch));
        const auto ids = value_of(std::move(result), stage);
        for (std::size_t i = begin; i < end; ++i) comment_ids_[comments[i].n][comments[i].k] = ids[i - begin];
    };
    co_await in_batches(stage, comments.size(), kCommentsInBatch, write);
}

Task<void> Writer::write_reactions() {
    auto write = [&](std::size_t begin, std::size_t end) -> Task<void> {
        std::vector<post::ImportedReaction> batch;
        for (std::size_t i = begin; i < end; ++i) {
            const PlannedReaction& planned = reactions_[i];
            batch.push_back({.post_id = posts_[planned.n],
                             .user_id = users_[planned.member],
                             .kind = planned.kind,
                             .created_at = planned.created_at});
        }
        auto done = co_await application_.posts().importer().import_reactions(std::move(batch));
        value_of(std::move(done), "reactions");
    };
    co_await in_batches("reactions", reactions_.size(), kReactionsInBatch, write);
}

void Writer::describe_comment(WholeFile& file, const PlannedComment& comment) const {
    const auto& ids = comment_ids_[comment.n];
    CommentLine line;
    line.n = comment.n;
    line.k = comment.k;
    line.node = plan_.node(comment.author);
    line.user_id = users_[comment.author];
    line.post_id = posts_[comment.n];
    line.comment_id = ids[comment.k];
    if (comment.k > 0) line.parent_id = ids[0];
    line.created_at = comment.created_at;
    line.sha256 = hex(sha256(comment.text));
    add_line(file, line);
}

void Writer::write_manifest(const std::filesystem::path& path) const {
    WholeFile file(path, false);
    for (std::size_t place = 0; place < plan_.member_count(); ++place) {
        PlannedMember member = plan_.member(place);
        MemberLine line;
        line.node = member.node;
        line.user_id = users_[place];
        line.email = std::move(member.email);
        line.handle = std::move(member.handle);
        line.name = std::move(member.name);
        line.headline = std::move(member.headline);
        line.location = std::move(member.location);
        line.created_at = member.created_at;
        add_line(file, line);
    }
    for (std::size_t i = 0; i < plan_.connection_count(); ++i) {
        const PlannedConnection planned = plan_.connection(i);
        ConnectionLine line;
        line.a = plan_.node(planned.a);
        line.b = plan_.node(planned.b);
        line.a_user_id = users_[planned.a];
        line.b_user_id = users_[planned.b];
        line.connected_at = planned.connected_at;
        add_line(file, line);
    }
    for (std::size_t n = 0; n < plan_.post_count(); ++n) {
        const PlannedPost planned = plan_.post(n);
        PostLine line;
        line.n = n;
        line.node = plan_.node(planned.author);
        line.user_id = users_[planned.author];
        line.post_id = posts_[n];
        line.created_at = planned.created_at;
        line.visibility = planned.visibility;
        line.paragraph = planned.paragraph;
        line.sha256 = hex(sha256(plan_.text_of(planned)));
        add_line(file, line);
    }
    for (const PlannedComment& comment : comments_) describe_comment(file, comment);
    for (const PlannedComment& reply : replies_) describe_comment(file, reply);
    for (const PlannedReaction& reaction : reactions_) {
        ReactionLine line;
        line.n = reaction.n;
        line.node = plan_.node(reaction.member);
        line.user_id = users_[reaction.member];
        line.post_id = posts_[reaction.n];
        line.reaction = reaction.kind;
        line.created_at = reaction.created_at;
        add_line(file, line);
    }
    file.commit();
}

Task<void> Writer::write_tokens(std::filesystem::path path) {
    WholeFile file(path, true);
    auto write = [&](std::size_t begin, std::size_t end) -> Task<void> {
        const auto at = [&](std::size_t place) { return users_.begin() + static_cast<std::ptrdiff_t>(place); };
        std::vector<UserId> members(at(begin), at(end));
        auto result = co_await application_.users().auth().open_sessions(std::move(members), "import");
        const auto tokens = value_of(std::move(result), "tokens");
        for (std::size_t place = begin; place < end; ++place) {
            const user::Tokens& given = tokens[place - begin];
            file.add_line(std::to_string(plan_.node(place)) + '\t' + std::to_string(given.user_id.value) + '\t' +
                          given.access_token);
        }
    };
    co_await in_batches("tokens", plan_.member_count(), kSessionsInBatch, write);
    file.commit();
}

ImportPlan read_plan(const ImportOptions& options) {
    ImportInput input;
    input.graph = read_edges(options.edges, options.is_strict);
    if (!options.posts.empty()) input.paragraphs = read_paragraphs(options.posts);
    if (!options.names.empty()) input.names = read_names(options.names);
    if (!options.occupations.empty()) input.occupations = read_occupations(options.occupations);
    if (input.paragraphs.empty() && options.post_count > 0) throw std::runtime_error("--posts-count needs --posts");
    input.seed = options.seed;
    input.post_count = options.post_count > 0 ? options.post_count : input.paragraphs.size();
    return ImportPlan(std::move(input));
}

/// One line that counts what was not taken from the file of edges; empty when all was.
std::string ignored_of(const std::filesystem::path& file, const EdgeList::Ignored& ignored) {
    std::string list;
    const auto add = [&](std::size_t count, std::string_view before, std::string_view after) {
        if (count == 0) return;
        if (!list.empty()) list += ", ";
        list.append(before).append(grouped(count)).append(after);
    };
    add(ignored.headings, "", " heading");
    add(ignored.self_loops, "", " self loops");
    add(ignored.repeated, "", " repeated edges");
    add(ignored.further_columns, "further columns in ", " lines");
    return list.empty() ? "" : file.string() + ": ignored " + list + '\n';
}

/// The members' password: the given one, or a random one that is kept in the data folder until the import has ended, so
/// that all members have the same also when the import is cut short and run again.
class Password {
public:
    Password(const std::string& given, const std::filesystem::path& folder)
        : is_random_(given.empty()), file_(folder / "import-password") {
        if (!is_random_) {
            json::Faults faults;
            json::rules::password(given, text_, {}, faults);
            if (!faults.empty()) throw std::runtime_error("--password: " + faults.take().front().detail);
            return;
        }
        std::ifstream in(file_);
        is_known_ = in && std::getline(in, text_);
        if (is_known_) return;
        text_ = base64url(random_bytes(12));
        WholeFile out(file_, true);
        out.add_line(text_);
        out.commit();
    }
    const std::string& text() const { return text_; }
    bool is_random() const { return is_random_; }
    /// True when an earlier run made it and did not come to its end.
    bool is_known() const { return is_known_; }
    void forget() const {
        if (is_random_) std::filesystem::remove(file_);
    }

private:
    const bool is_random_;
    const std::filesystem::path file_;
    std::string text_;
    bool is_known_ = false;
};

}  // namespace

void add_import_options(CLI::App& command, ImportOptions& options) {
    command.add_option("--edges", options.edges, "File of connections: two node numbers a line")->required();
    command.add_flag("--strict", options.is_strict,
                     "Refuse self loops, repeated edges, further columns and a heading in --edges");
    command.add_option("--posts", options.posts,
                       "File of paragraphs, one a line; of a .tsv file what is behind the first tab");
    command.add_option("--names", options.names,
                       "File of first names, one a line, or a folder with names-female.txt and names-male.txt");
    command.add_option("--occupations", options.occupations,
                       "O*NET table (code, title, description) for the members' headlines");
    command.add_option("--seed", options.seed, "Another seed gives another network of the same files")
        ->capture_default_str();
    command.add_option("--posts-count", options.post_count,
                       "Number of posts; paragraphs are used in turn. Without it: one for each paragraph");
    command.add_option("--password", options.password,
                       "Password of all members. Without it: a random one, printed at the end");
    command.add_option("--manifest", options.manifest, "File to write: all that was made, one JSON object a line");
    command.add_option("--tokens", options.tokens,
                       "File to write: node, user id and a new access token of each member, between tabs");
}

int import_files(const Config& config, const ImportOptions& options) {
    const ImportPlan plan = read_plan(options);
    std::optional<DataFolderLock> lock;
    if (config.sql.engine == "sqlite") lock.emplace(config.data_dir);
    std::filesystem::create_directories(config.data_dir);
    const Password password(options.password, config.data_dir);

    const auto start = std::chrono::steady_clock::now();
    IoThreads threads(2);
    Config importing = config;
    importing.sql.sqlite.cache_bytes = std::max(config.sql.sqlite.cache_bytes, kPageCacheBytes);
    Application application(importing, threads);
    application.start();
    const Draining draining{application, threads, kDrainLimit};
    Writer writer(application, plan, options);
    run_and_wait(threads, [&]() -> Task<void> {
        std::string hash = co_await application.users().auth().hash_password(password.text());
        co_await writer.write_all(std::move(hash));
        co_await application.relay_all();
    });
    if (!options.manifest.empty()) writer.write_manifest(options.manifest);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!options.tokens.empty()) run_and_wait(threads, [&] { return writer.write_tokens(options.tokens); });

    std::cout << "imported " << grouped(plan.member_count()) << " members, " << grouped(plan.connection_count())
              << " connections and " << grouped(plan.post_count()) << " posts with their comments and reactions in "
              << static_cast<std::size_t>(took.count() + 0.5) << " s\n"
              << ignored_of(options.edges, plan.input().graph.ignored);
    const bool has_new = writer.new_members() > 0 || password.is_known();
    if (has_new && password.is_random()) {
        std::cout << "new members sign in as " << plan.member(0).email << " and so on, with the password "
                  << password.text() << '\n';
    } else if (!has_new) {
        std::cout << "all members were there already; they keep their password\n";
    }
    password.forget();
    return 0;
}

}  // namespace guildhall::app
