"""Pictures: decoded as Darknet decodes them, fitted into a network's input, drawn on."""
