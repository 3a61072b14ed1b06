package com.datamate;

final class Version {
    static final String VERSION = "1.0.0";

    private Version() {
    }
}
