WHO = "elsewhere"
