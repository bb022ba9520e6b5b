// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Model

/// The daemon's document in the form of OpenAPI 3.1: made of the table of routes, so that it cannot be wrong about them.
public enum OpenAPIDocument {
    public static func json(version: String) -> JSON {
        var paths: [JSON.Member] = []
        for route in APIRoute.all {
            let operation = JSON.Member(route.method.rawValue, operation(route))
            if let index = paths.firstIndex(where: { $0.key == route.path }),
                case .object(let members) = paths[index].value
            {
                paths[index].value = .object(members + [operation])
            } else {
                paths.append(JSON.Member(route.path, .object([operation])))
            }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Etherloom", "version": .string(version),
                "description": .string(
                    "What the daemon of a user's labs takes, over HTTP/1.1 on a unix socket that only this user opens: "
                        + "`daemon` in the user's runtime directory of Etherloom. Errors have the exit status that a command "
                        + "ends with: 1 failed, 2 the request is wrong, 3 took too long, 4 this host cannot."
                ),
            ],
            "servers": [["url": "http://localhost"]],
            "paths": .object(paths),
            "components": [
                "schemas": [
                    "Error": [
                        "type": "object", "required": ["error", "status"],
                        "properties": [
                            "error": ["type": "string", "description": "Lines for people."],
                            "status": ["type": "integer", "enum": [1, 2, 3, 4]],
                        ],
                    ]
                ]
            ],
        ]
    }

    private static func form(of type: APIRoute.BodyType) -> [JSON.Member] {
        let words: JSON = ["type": "array", "items": ["type": "string"]]
        return switch type {
        case .string: [.init("type", "string")]
        case .milliseconds: [.init("type", "integer"), .init("minimum", 0)]
        case .words: words.members ?? []
        case .changes: [.init("type", "array"), .init("minItems", 1), .init("items", words)]
        case .variables: [.init("type", "object"), .init("additionalProperties", ["type": "string"])]
        }
    }

    private static func operation(_ route: APIRoute) -> JSON {
        var members: [JSON.Member] = [
            .init("operationId", .string(route.name)), .init("summary", .string(route.summary)),
        ]
        let parameters: [JSON] =
            route.parameters.map { name in
                ["name": .string(name), "in": "path", "required": true, "schema": ["type": "string"]]
            }
            + route.query.map { name, description in
                [
                    "name": .string(name), "in": "query", "description": .string(description),
                    "schema": ["type": "string"],
                ]
            }
        if !parameters.isEmpty { members.append(.init("parameters", .array(parameters))) }
        if !route.body.isEmpty {
            let properties = route.body.map { field in
                JSON.Member(
                    field.name,
                    .object(form(of: field.type) + [.init("description", .string(field.description))])
                )
            }
            let schema: JSON = [
                "type": "object", "additionalProperties": false,
                "required": .texts(route.body.filter(\.isRequired).map(\.name)),
                "properties": .object(properties),
            ]
            members.append(
                .init("requestBody", ["required": true, "content": ["application/json": ["schema": schema]]])
            )
        }
        let kind = route.isStream ? "text/event-stream" : "application/json"
        members.append(
            .init(
                "responses",
                [
                    "200": ["description": .string(route.answer), "content": .object([.init(kind, [:])])],
                    "default": [
                        "description": "It was not done.",
                        "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]],
                    ],
                ]
            )
        )
        return .object(members)
    }
}
