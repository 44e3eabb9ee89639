#include "app/api_document.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/parse.hpp>

#include "app/services.hpp"
#include "platform/json/schema.hpp"

namespace guildhall::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kDescription =
    "The backend of a professional network: people, connections, posts and feeds.\n\n"
    "Sign in at `POST /v1/auth/login` and send the access token as `Authorization: Bearer …`. Ids are decimal strings. "
    "Times are RFC 3339 in UTC. Lists are pages: `next_cursor` of one page is the `cursor` of the next. Every error is "
    "`application/problem+json` (RFC 9457) with a stable `code`. An unknown parameter or field of a request is an "
    "error; later versions may add fields to answers.";

/// What a name means wherever it occurs, and an example as JSON.
struct Term {
    std::string_view description;
    std::string_view example;
};

const std::map<std::string_view, Term>& glossary() {
    static const std::map<std::string_view, Term> terms{
        {"about", {"Several lines about the member", R"("I write programs for the Analytical Engine.")"}},
        {"access_token",
         {"For the Authorization header, until it expires", R"("eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl")"}},
        {"author", {"Who wrote it", ""}},
        {"blocked", {"Whether you block the member", "false"}},
        {"code", {"As the mail says", R"("123456")"}},
        {"comment_count", {"How many comments it has, with replies", "2"}},
        {"comment_id", {"The comment", ""}},
        {"created_at", {"When it was created", ""}},
        {"current_password", {"The password until now", R"("correct horse battery staple")"}},
        {"cursor", {"`next_cursor` of the previous page; without it, the first page", R"("AQFzZAAA")"}},
        {"degree", {"How many steps away the member is; null beyond three", "2"}},
        {"detail", {"What is wrong, in words", R"("the request has faulty parameters")"}},
        {"device", {"What the member calls the device", R"("Laptop")"}},
        {"edited_at", {"When it was last edited; null: never", ""}},
        {"email", {"An e-mail address", R"("ada@example.org")"}},
        {"expires_in", {"Seconds until the access token expires", "900"}},
        {"following", {"Whether you follow the member", "true"}},
        {"handle", {"The member's public name in URLs", R"("ada-lovelace")"}},
        {"hashtags", {"The hashtags of the text, case-folded, in order", R"(["engines"])"}},
        {"headline", {"One line about the member", R"("Analyst of engines")"}},
        {"id", {"Its id", ""}},
        {"ids", {"Up to 100 ids, separated by commas", R"(["7345821938475008001"])"}},
        {"industry", {"The industry", R"("Computing")"}},
        {"invitation_id", {"The invitation", ""}},
        {"ip", {"The address from which it was last used", R"("203.0.113.7")"}},
        {"is_current", {"Whether the request belongs to it", "true"}},
        {"is_deleted", {"Whether it was deleted; its replies stay", "false"}},
        {"items", {"The items of this page", ""}},
        {"last_seen_at", {"When it was last used", ""}},
        {"length", {"How many code points it has, with its sign", "13"}},
        {"limit", {"How many items the page has at most", ""}},
        {"location", {"The place where the member lives", R"("London")"}},
        {"max_hops", {"The most steps that a chain may have", ""}},
        {"mentions", {"Who is mentioned, and where in the text", ""}},
        {"my_reaction", {"Your own reaction; null: none", ""}},
        {"name", {"A name, as people read it", R"("Ada Lovelace")"}},
        {"new_password", {"The password from now on", R"("staple battery horse correct")"}},
        {"next_cursor", {"The cursor of the next page; null on the last one", "null"}},
        {"note", {"A few words to the invited member", R"("We met at the exhibition.")"}},
        {"parent_id", {"The comment that is replied to; null: none", ""}},
        {"password", {"A password of 8 to 128 characters", R"("correct horse battery staple")"}},
        {"post_id", {"The post", ""}},
        {"pronouns", {"How to speak of the member", R"("she/her")"}},
        {"q", {"Words of names, or their beginnings", R"("ada lov")"}},
        {"reactions", {"How many reactions it has, by kind", ""}},
        {"refresh_token", {"For new tokens, once", R"("q83vEjRWeJC7zN3u_wARIjNEVWZ3iJmqu8zd7v8A")"}},
        {"registration_token", {"Goes with the mailed code", R"("q83vEjRWeJC7zN3u_wARIjNEVWZ3iJmqu8zd7v8A")"}},
        {"reply_count", {"How many replies it has", "1"}},
        {"request_id", {"Names the request in the server's log", R"("0af7651916cd43dd8448eb211c80319c")"}},
        {"services", {"The services of this installation", R"(["connection", "user", "post"])"}},
        {"session_id", {"The session", ""}},
        {"sort", {"The order of the items", ""}},
        {"start", {"Where it begins, in code points", "13"}},
        {"tag", {"A hashtag without its sign, in any case", R"("engines")"}},
        {"text", {"The text; CR LF and CR are read as line feeds", R"("Good morning @ada-lovelace #engines")"}},
        {"token_type", {"Always Bearer", R"("Bearer")"}},
        {"total", {"How many there are", "6"}},
        {"user_agent", {"The program that last used it", R"("Mozilla/5.0")"}},
        {"user_id", {"The member", ""}},
        {"version", {"Counts its changes", "1"}},
        {"visibility", {"Who may see it", ""}},
    };
    return terms;
}

const Term* find_term(std::string_view name) {
    const auto found = glossary().find(name);
    return found == glossary().end() ? nullptr : &found->second;
}

std::string_view name_in(const bj::value& reference) {
    return std::string_view(reference.as_string()).substr(std::string_view("#/components/schemas/").size());
}

/// Makes examples that fit their schemas.
class Examples {
public:
    explicit Examples(const bj::object& schemas) : schemas_(schemas) {}

    /// An example of what `schema` describes, where it is a field or parameter of the name `name`.
    bj::value of(const bj::object& schema, std::string_view name) const {
        if (const auto* reference = schema.if_contains("$ref"))
            return of(schemas_.at(name_in(*reference)).as_object(), name);
        if (const auto* choices = schema.if_contains("anyOf"))
            return name == "next_cursor" ? bj::value(nullptr) : of(choices->as_array().front().as_object(), name);
        if (const auto* values = schema.if_contains("enum")) return values->as_array().front();
        if (const auto* fields = schema.if_contains("properties")) return of_fields(fields->as_object());
        const bj::value* type = schema.if_contains("type");
        if (!type) return bj::object{};
        const Term* term = find_term(name);
        if (type->is_array()) return nullptr;  // a value or null
        if (*type == "array") {
            if (term && !term->example.empty()) return bj::parse(term->example);
            return bj::array{of(schema.at("items").as_object(), "")};
        }
        if (const auto* pattern = schema.if_contains("pattern"); pattern && *pattern == json::kIdPattern)
            return "7345821938475008001";
        if (const auto* format = schema.if_contains("format"); format && *format == "date-time")
            return "2026-01-31T09:30:00.000Z";
        if (term && !term->example.empty()) {
            bj::value example = bj::parse(term->example);
            if (example.is_string() == (*type == "string")) return example;
        }
        if (const auto* usual = schema.if_contains("default")) return *usual;
        if (*type == "integer" || *type == "number") return 1;
        if (*type == "boolean") return true;
        if (*type == "object") return bj::object{};
        return "text";
    }

private:
    bj::object of_fields(const bj::object& fields) const {
        bj::object out;
        for (const auto& field : fields) out[field.key()] = of(field.value().as_object(), field.key());
        return out;
    }

    const bj::object& schemas_;
};

void describe_fields(bj::object& schemas) {
    for (auto& schema : schemas) {
        auto* fields = schema.value().as_object().if_contains("properties");
        if (!fields) continue;
        for (auto& field : fields->as_object()) {
            auto& described = field.value().as_object();
            const Term* term = find_term(field.key());
            if (term && !described.contains("description") && !described.contains("$ref"))
                described["description"] = term->description;
        }
    }
}

void add_example(bj::object& media, const Examples& examples) {
    const auto* schema = media.if_contains("schema");
    if (schema && !schema->as_object().empty()) media["example"] = examples.of(schema->as_object(), "");
}

void describe_operation(bj::object& operation, const Examples& examples) {
    for (bj::value& value : operation["parameters"].as_array()) {
        bj::object& parameter = value.as_object();
        if (parameter["in"] == "header") continue;
        const auto& name = parameter["name"].as_string();
        if (const Term* term = find_term(name)) parameter["description"] = term->description;
        parameter["example"] = examples.of(parameter["schema"].as_object(), name);
    }
    if (auto* body = operation.if_contains("requestBody"))
        for (auto& media : body->as_object()["content"].as_object()) add_example(media.value().as_object(), examples);
    for (auto& response : operation["responses"].as_object()) {
        if (!response.key().starts_with('2')) continue;
        if (auto* content = response.value().as_object().if_contains("content"))
            for (auto& media : content->as_object())
                if (media.key() == "application/json") add_example(media.value().as_object(), examples);
    }
}

}  // namespace

bj::object api_document(const http::Router& router) {
    bj::object document = router.openapi();
    bj::object& info = document["info"].as_object();
    info["version"] = GUILDHALL_VERSION;
    info["description"] = kDescription;
    info["contact"] = bj::object{{"name", "The operator of this installation"}};
    bj::array tags;
    for (const ServiceRow& row : services())
        tags.push_back(bj::object{{"name", row.name}, {"description", row.summary}});
    tags.push_back(bj::object{{"name", "platform"}, {"description", "Health, metrics, documents and limits"}});
    document["tags"] = std::move(tags);

    bj::object& components = document["components"].as_object();
    bj::object& schemas = components["schemas"].as_object();
    describe_fields(schemas);
    const Examples examples(schemas);
    for (auto& path : document["paths"].as_object())
        for (auto& operation : path.value().as_object()) describe_operation(operation.value().as_object(), examples);
    return document;
}

}  // namespace guildhall::app
